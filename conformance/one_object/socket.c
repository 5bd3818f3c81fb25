#include <linux/fs.h>
#include <linux/fdtable.h>
#include <linux/net.h>
#include <net/sock.h>

RAW_TRACEPOINT_PROBE(sys_enter) {
    if (!mine(ctx))
        return 0;
    struct socket *socket = wanted_file()->private_data;
    struct sock *sk = socket->sk;

    OUT(0, sk->sk_num);
    OUT(1, ntohs(sk->sk_dport));
    OUT(2, sk->sk_family);
    OUT(3, sk->sk_type);
    OUT(4, sk->sk_protocol);
    OUT(5, sk->sk_rcvbuf);
    OUT(6, sk->sk_sndbuf);
    OUT(7, sk->sk_mark);
    OUT(8, sk->sk_priority);
    OUT(9, sk->sk_no_check_tx);
    OUT(10, sk->__sk_common.skc_reuse);
    return 0;
}
