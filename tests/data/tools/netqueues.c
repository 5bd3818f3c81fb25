// Which queue of which network device packets come in by and go out through, and their sizes.
#include <uapi/linux/ptrace.h>
#include <linux/netdevice.h>
#include <linux/ethtool.h>
#include <linux/skbuff.h>

#if IFNAMSIZ != 16
#error "names of devices have another length than the reader expects"
#endif

union name_buf {
    char name[IFNAMSIZ];
    struct {
        u64 hi;
        u64 lo;
    } halves;
};

struct queue_data_t {
    u64 total;
    u32 count;
    u32 under_64;
    u32 over_1500;
};

BPF_HASH(sent, u16, struct queue_data_t, 1024);
BPF_HASH(received, u16, struct queue_data_t, 1024);
BPF_ARRAY(wanted, union name_buf, 1);

static bool same_name(struct sk_buff *skb) {
    union name_buf real = {};
    struct net_device *dev = skb->dev;
    int zero = 0;
    union name_buf *name = wanted.lookup(&zero);

    if (!name)
        return false;
    bpf_probe_read_kernel(&real, IFNAMSIZ, dev->name);
    return name->halves.hi == real.halves.hi && name->halves.lo == real.halves.lo;
}

static void add(struct queue_data_t *data, u64 bytes) {
    data->total += bytes;
    data->count++;
    if (bytes < 64)
        data->under_64++;
    if (bytes > 1500)
        data->over_1500++;
}

TRACEPOINT_PROBE(net, net_dev_start_xmit) {
    struct sk_buff *skb = (struct sk_buff *)args->skbaddr;
    struct queue_data_t none = {}, *data;
    u16 queue;

    if (!same_name(skb))
        return 0;
    queue = skb->queue_mapping;
    data = sent.lookup_or_try_init(&queue, &none);
    if (data)
        add(data, skb->len);
    return 0;
}

TRACEPOINT_PROBE(net, netif_receive_skb) {
    struct sk_buff *skb = (struct sk_buff *)args->skbaddr;
    struct queue_data_t none = {}, *data;
    u16 queue = 0;

    if (!same_name(skb))
        return 0;
    if (skb_rx_queue_recorded(skb))
        queue = skb_get_rx_queue(skb);
    data = received.lookup_or_try_init(&queue, &none);
    if (data)
        add(data, skb->len);
    return 0;
}
