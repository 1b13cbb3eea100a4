"""What in manifests is wrong, or not what it looks like: a table of rules, each with an id, and what they find."""
