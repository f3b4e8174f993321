"""Webhooks: telling a client's server that a job has ended, as Standard Webhooks has it (standardwebhooks.com)."""
