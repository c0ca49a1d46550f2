"""The running thing: serial descriptors, device life-cycles, clock, control socket, publisher."""
