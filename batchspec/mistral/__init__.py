"""The client of Mistral's files and batch-jobs API; the one home of requests. It keeps no state and shows nothing."""
