# Sourced by pages that are typed: an emulator of its own as the provider, and `faults JSON` to put faults in force there.
# The shell ends it.
served_port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
batchspec emulator --port "$served_port" --data "$HOME/served" > /dev/null 2>&1 &
export BATCHSPEC_PROVIDER=mistral MISTRAL_API_KEY=any MISTRAL_BASE_URL="http://127.0.0.1:$served_port"

faults() {
    python3 - "$MISTRAL_BASE_URL/emulator/faults" "$1" <<'END'
import sys
import urllib.request

headers = {"Authorization": "Bearer any"}
urllib.request.urlopen(urllib.request.Request(sys.argv[1], sys.argv[2].encode(), headers, method="PUT")).close()
END
}

until faults '{}' 2> /dev/null; do
    sleep 0.1
done
