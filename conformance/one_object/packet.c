#include <linux/skbuff.h>
#include <linux/netdevice.h>
#include <linux/ip.h>

RAW_TRACEPOINT_PROBE(netif_receive_skb) {
    struct sk_buff *skb = (struct sk_buff *)ctx->args[0];

    if (skb->mark != asked(MARK))
        return 0;
    struct iphdr *ip = (struct iphdr *)(skb->head + skb->network_header);

    OUT(0, skb->len);
    OUT(1, ntohs(skb->protocol));
    OUT(2, skb->priority);
    OUT(3, skb->dev->ifindex);
    OUT(4, skb->dev->mtu);
    OUT(5, ntohl(ip->daddr));
    OUT(6, ip->protocol);
    OUT(7, ip->ihl);
    OUT(8, skb->pkt_type);
    return 0;
}
