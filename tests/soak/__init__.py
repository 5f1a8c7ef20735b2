"""A soak: real processes, random deaths and faults for as long as is wished, judged by the emulator's own books."""
