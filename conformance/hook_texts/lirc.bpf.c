SEC("lirc_mode2") int pulses(unsigned int *sample) {
    if ((*sample & 0xff000000) == 0x01000000)
        COUNT((*sample & 0x00ffffff) == 600 ? 0 : 1);
    return 0;
}
SEC("xdp") int other_type(struct xdp_md *ctx) { return XDP_PASS; }
