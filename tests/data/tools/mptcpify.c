// Turn new TCP sockets of chosen programs into multipath ones, and hide an option from them.
// program hide_option: cgroup_sockopt
#include <uapi/linux/bpf.h>
#include <linux/net.h>
#include <linux/socket.h>
#include <uapi/linux/in.h>
#include <linux/string.h>

struct app_t {
    char name[16];
};

BPF_HASH(apps, struct app_t);

KMOD_RET(security_socket_create, int family, int type, int protocol, int kern, int ret) {
    struct app_t app = {};

    if (kern)
        return 0;
    bpf_get_current_comm(&app.name, sizeof(app.name));
    if ((family == AF_INET || family == AF_INET6) && (type & 0xf) == SOCK_STREAM
        && (protocol == IPPROTO_TCP || protocol == 0) && apps.lookup(&app))
        return IPPROTO_MPTCP == 262 ? 0 : -EPROTONOSUPPORT;
    return 0;
}

int hide_option(struct bpf_sockopt *opt) {
    u8 *value = opt->optval, *end = opt->optval_end;

    if (opt->level == SOL_SOCKET && opt->optname == SO_MARK && value + 4 <= end)
        opt->optlen = 0;
    return 1;
}
