/*
 * Small functions and macros of bcc's dialect. What has no body here is handled by the dialect stage or is an
 * intrinsic of the backend. Only plain C types are used, as in the map macros.
 */

#define __BPF_INLINE static inline __attribute__((always_inline))

#define BCC_SEC(NAME) __attribute__((section(NAME), used))

#define MASK(BITS) ((BITS) < 64 ? (1ULL << (BITS)) - 1 : ~0ULL)
#define MASK128(BITS) ((BITS) < 128 ? ((unsigned __int128)1 << (BITS)) - 1 : ~(unsigned __int128)0)

/* Give the pointer as it is and move it on. */
#define cursor_advance(CURSOR, LEN) ({ void *__at = (CURSOR); (CURSOR) += (LEN); __at; })

#define lock_xadd(PTR, VAL) ((void)__sync_fetch_and_add(PTR, VAL))

/* ---- done by the dialect stage */

int bpf_trace_printk(const char *format, ...);
unsigned int bpf_num_cpus(void);
int bpf_usdt_readarg(int number, const void *ctx, void *dst);
int bpf_usdt_readarg_p(int number, const void *ctx, void *dst, unsigned long long len);
int incr_cksum_l3(void *offset, unsigned long long from, unsigned long long to);
int incr_cksum_l4(void *offset, unsigned long long from, unsigned long long to,
		  unsigned long long pseudo_header);

/* ---- names bcc gives to helpers it wraps */

#define bpf_tail_call_(MAP, CTX, INDEX) bpf_tail_call(CTX, MAP, INDEX)
#define bcc_get_stackid_(CTX, MAP, FLAGS) bpf_get_stackid(CTX, MAP, FLAGS)

/* ---- logarithms: the slots of a power-of-two histogram */

/* floor(log2(v)), 0 for 0. */
__BPF_INLINE unsigned int bpf_log2(unsigned int v)
{
	unsigned int log = 0, step;

	step = (v >= 1u << 16) * 16;
	v >>= step;
	log += step;
	step = (v >= 1u << 8) * 8;
	v >>= step;
	log += step;
	step = (v >= 1u << 4) * 4;
	v >>= step;
	log += step;
	step = (v >= 1u << 2) * 2;
	v >>= step;
	log += step;
	return log + (v >> 1);
}

/* floor(log2(v)) + 1, 1 for 0: the slot that holds 2^(slot-1) to 2^slot - 1. */
__BPF_INLINE unsigned int bpf_log2l(unsigned long v)
{
	unsigned int high = v >> 32;

	return high ? bpf_log2(high) + 33 : bpf_log2(v) + 1;
}

/* ---- byte order */

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define __BPF_SWAP16(V) __builtin_bswap16(V)
#define __BPF_SWAP32(V) __builtin_bswap32(V)
#define __BPF_SWAP64(V) __builtin_bswap64(V)
#define __BPF_SWAP128(V) \
	((unsigned __int128)__builtin_bswap64((unsigned long long)(V)) << 64 | \
	 __builtin_bswap64((unsigned long long)((V) >> 64)))
#else
#define __BPF_SWAP16(V) (V)
#define __BPF_SWAP32(V) (V)
#define __BPF_SWAP64(V) (V)
#define __BPF_SWAP128(V) (V)
#endif

__BPF_INLINE unsigned short bpf_ntohs(unsigned short v) { return __BPF_SWAP16(v); }
__BPF_INLINE unsigned short bpf_htons(unsigned short v) { return __BPF_SWAP16(v); }
__BPF_INLINE unsigned int bpf_ntohl(unsigned int v) { return __BPF_SWAP32(v); }
__BPF_INLINE unsigned int bpf_htonl(unsigned int v) { return __BPF_SWAP32(v); }
__BPF_INLINE unsigned long long bpf_ntohll(unsigned long long v) { return __BPF_SWAP64(v); }
__BPF_INLINE unsigned long long bpf_htonll(unsigned long long v) { return __BPF_SWAP64(v); }
__BPF_INLINE unsigned __int128 bpf_ntoh128(unsigned __int128 v) { return __BPF_SWAP128(v); }
__BPF_INLINE unsigned __int128 bpf_hton128(unsigned __int128 v) { return __BPF_SWAP128(v); }

/* ---- packet access of socket buffers (BPF_LD | BPF_ABS and BPF_IND; values in host order) */

unsigned long long load_byte(void *skb, unsigned long long off) __asm__("llvm.bpf.load.byte");
unsigned long long load_half(void *skb, unsigned long long off) __asm__("llvm.bpf.load.half");
unsigned long long load_word(void *skb, unsigned long long off) __asm__("llvm.bpf.load.word");

__BPF_INLINE unsigned long long load_dword(void *skb, unsigned long long off)
{
	return load_word(skb, off) << 32 | load_word(skb, off + 4);
}

/* The record attribute of packet headers: see bcc/proto.h. */
#define BPF_PACKET_HEADER __attribute__((packed)) __attribute__((annotate("packet")))
