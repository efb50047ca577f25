"""The words of each shell: exports, the hook, a script around curl."""
