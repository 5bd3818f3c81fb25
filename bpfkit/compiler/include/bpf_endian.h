/* <bpf/bpf_endian.h>: between network, given and host byte order. */
#ifndef __BPF_ENDIAN__
#define __BPF_ENDIAN__

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define __bpf_to_big(BITS, X) __builtin_bswap##BITS(X)
#define __bpf_to_little(BITS, X) (X)
#else
#define __bpf_to_big(BITS, X) (X)
#define __bpf_to_little(BITS, X) __builtin_bswap##BITS(X)
#endif

#define bpf_htons(X) ((unsigned short)__bpf_to_big(16, X))
#define bpf_ntohs(X) ((unsigned short)__bpf_to_big(16, X))
#define bpf_htonl(X) ((unsigned int)__bpf_to_big(32, X))
#define bpf_ntohl(X) ((unsigned int)__bpf_to_big(32, X))
#define bpf_cpu_to_be64(X) ((unsigned long long)__bpf_to_big(64, X))
#define bpf_be64_to_cpu(X) ((unsigned long long)__bpf_to_big(64, X))
#define bpf_cpu_to_le16(X) ((unsigned short)__bpf_to_little(16, X))
#define bpf_le16_to_cpu(X) ((unsigned short)__bpf_to_little(16, X))
#define bpf_cpu_to_le32(X) ((unsigned int)__bpf_to_little(32, X))
#define bpf_le32_to_cpu(X) ((unsigned int)__bpf_to_little(32, X))
#define bpf_cpu_to_le64(X) ((unsigned long long)__bpf_to_little(64, X))
#define bpf_le64_to_cpu(X) ((unsigned long long)__bpf_to_little(64, X))

#endif
