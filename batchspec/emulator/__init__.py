"""A real local server of Mistral's files and batch-jobs API: for a first try, for tests, and for models without one.

It knows the API and nothing of batchspec's specs, plans or state; werkzeug is at home here alone.
"""
