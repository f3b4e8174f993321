"""What a stranger installs: the client and the `photochrom` command."""
