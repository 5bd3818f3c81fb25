/*
 * The map macros of bcc's dialect.
 *
 * Each macro declares `struct NAME_table_t` and an object NAME of it. The object never exists at run time: the
 * dialect stage reads its key, leaf, max_entries and flags, turns it into a map and turns calls of its methods
 * into helper calls. A method that a kind of map does not offer is no member, so that C itself refuses it.
 * Only plain C types are used here, because which kernel types are present depends on the program.
 */

#define __BPF_MAP(KIND, NAME, MAX, FLAGS, MEMBERS) \
	struct NAME##_table_t { \
		MEMBERS \
		unsigned int max_entries; \
		int flags; \
	}; \
	__attribute__((annotate("sec:maps/" KIND))) \
	struct NAME##_table_t NAME = { .max_entries = (MAX), .flags = (FLAGS) }

/* A second object of the same type says who else may use the map. */
#define __BPF_MAP_SCOPE(SCOPE, NAME) \
	__attribute__((annotate("sec:maps/" SCOPE))) struct NAME##_table_t __##NAME

/* ---- members: groups of methods */

#define __BPF_TYPES(K, L) K key; L leaf;

#define __BPF_LOOKUP(K, L) L *(*lookup)(K const *);

#define __BPF_UPDATE(K, L) \
	int (*update)(K const *, L const *); \
	int (*insert)(K const *, L const *); \
	int (*delete)(K const *);

#define __BPF_LOOKUP_OR(K, L) \
	L *(*lookup_or_init)(K const *, L const *); \
	L *(*lookup_or_try_init)(K const *, L const *);

#define __BPF_COUNT(K) \
	void (*increment)(K, ...); \
	void (*atomic_increment)(K, ...);

#define __BPF_STACKID int (*get_stackid)(const void *, unsigned long long);

#define __BPF_TAIL_CALL void (*call)(void *, unsigned int);

#define __BPF_REDIRECT int (*redirect_map)(unsigned long long, unsigned long long);

#define __BPF_SK_STORAGE(L) \
	L *(*sk_storage_get)(const void *, const void *, unsigned long long); \
	int (*sk_storage_delete)(const void *);

#define __BPF_INODE_STORAGE(L) \
	L *(*inode_storage_get)(const void *, const void *, unsigned long long); \
	int (*inode_storage_delete)(const void *);

#define __BPF_TASK_STORAGE(L) \
	L *(*task_storage_get)(const void *, const void *, unsigned long long); \
	int (*task_storage_delete)(const void *);

#define __BPF_CGRP_STORAGE(L) \
	L *(*cgrp_storage_get)(const void *, const void *, unsigned long long); \
	int (*cgrp_storage_delete)(const void *);

#define __BPF_QUEUE(L) \
	int (*push)(L const *, unsigned long long); \
	int (*pop)(L *); \
	int (*peek)(L *);

#define __BPF_TABLE(K, L) \
	__BPF_TYPES(K, L) __BPF_LOOKUP(K, L) __BPF_LOOKUP_OR(K, L) __BPF_UPDATE(K, L) __BPF_COUNT(K) \
	__BPF_STACKID __BPF_TAIL_CALL __BPF_SK_STORAGE(L) __BPF_INODE_STORAGE(L) __BPF_TASK_STORAGE(L) \
	__BPF_CGRP_STORAGE(L)

/* ---- choosing a macro by the number of its arguments */

#define __BPF_PICK3(_1, _2, _3, NAME, ...) NAME
#define __BPF_PICK4(_1, _2, _3, _4, NAME, ...) NAME
#define __BPF_PICK7(_1, _2, _3, _4, _5, _6, _7, NAME, ...) NAME

/* ---- general tables */

#define BPF_F_TABLE(KIND, K, L, NAME, MAX, FLAGS) \
	__BPF_MAP(KIND, NAME, MAX, FLAGS, __BPF_TABLE(K, L))
#define BPF_TABLE(KIND, K, L, NAME, MAX) BPF_F_TABLE(KIND, K, L, NAME, MAX, 0)

#define __BPF_PINNED6(KIND, K, L, NAME, MAX, PIN) BPF_F_TABLE(KIND ":" PIN, K, L, NAME, MAX, 0)
#define __BPF_PINNED7(KIND, K, L, NAME, MAX, PIN, FLAGS) \
	BPF_F_TABLE(KIND ":" PIN, K, L, NAME, MAX, FLAGS)
#define BPF_TABLE_PINNED(...) \
	__BPF_PICK7(__VA_ARGS__, __BPF_PINNED7, __BPF_PINNED6, , , , , )(__VA_ARGS__)

#define BPF_TABLE_PUBLIC(KIND, K, L, NAME, MAX) \
	BPF_TABLE(KIND, K, L, NAME, MAX); __BPF_MAP_SCOPE("export", NAME)
#define BPF_TABLE_SHARED(KIND, K, L, NAME, MAX) \
	BPF_TABLE(KIND, K, L, NAME, MAX); __BPF_MAP_SCOPE("shared", NAME)

/* ---- hashes: name, key (u64), leaf (u64), size (10240) */

#define __BPF_HASH1(NAME) BPF_TABLE("hash", unsigned long long, unsigned long long, NAME, 10240)
#define __BPF_HASH2(NAME, K) BPF_TABLE("hash", K, unsigned long long, NAME, 10240)
#define __BPF_HASH3(NAME, K, L) BPF_TABLE("hash", K, L, NAME, 10240)
#define __BPF_HASH4(NAME, K, L, MAX) BPF_TABLE("hash", K, L, NAME, MAX)
#define BPF_HASH(...) \
	__BPF_PICK4(__VA_ARGS__, __BPF_HASH4, __BPF_HASH3, __BPF_HASH2, __BPF_HASH1)(__VA_ARGS__)

#define __BPF_PCPU_HASH1(NAME) \
	BPF_TABLE("percpu_hash", unsigned long long, unsigned long long, NAME, 10240)
#define __BPF_PCPU_HASH2(NAME, K) BPF_TABLE("percpu_hash", K, unsigned long long, NAME, 10240)
#define __BPF_PCPU_HASH3(NAME, K, L) BPF_TABLE("percpu_hash", K, L, NAME, 10240)
#define __BPF_PCPU_HASH4(NAME, K, L, MAX) BPF_TABLE("percpu_hash", K, L, NAME, MAX)
#define BPF_PERCPU_HASH(...) \
	__BPF_PICK4(__VA_ARGS__, __BPF_PCPU_HASH4, __BPF_PCPU_HASH3, __BPF_PCPU_HASH2, \
		    __BPF_PCPU_HASH1)(__VA_ARGS__)

/* The trie exists only without preallocation: flags is BPF_F_NO_PREALLOC. */
#define __BPF_LPM1(NAME) \
	BPF_F_TABLE("lpm_trie", unsigned long long, unsigned long long, NAME, 10240, 1)
#define __BPF_LPM2(NAME, K) BPF_F_TABLE("lpm_trie", K, unsigned long long, NAME, 10240, 1)
#define __BPF_LPM3(NAME, K, L) BPF_F_TABLE("lpm_trie", K, L, NAME, 10240, 1)
#define __BPF_LPM4(NAME, K, L, MAX) BPF_F_TABLE("lpm_trie", K, L, NAME, MAX, 1)
#define BPF_LPM_TRIE(...) \
	__BPF_PICK4(__VA_ARGS__, __BPF_LPM4, __BPF_LPM3, __BPF_LPM2, __BPF_LPM1)(__VA_ARGS__)

/* ---- arrays: name, leaf (u64), size (10240) */

#define __BPF_ARRAY1(NAME) BPF_TABLE("array", int, unsigned long long, NAME, 10240)
#define __BPF_ARRAY2(NAME, L) BPF_TABLE("array", int, L, NAME, 10240)
#define __BPF_ARRAY3(NAME, L, MAX) BPF_TABLE("array", int, L, NAME, MAX)
#define BPF_ARRAY(...) \
	__BPF_PICK3(__VA_ARGS__, __BPF_ARRAY3, __BPF_ARRAY2, __BPF_ARRAY1)(__VA_ARGS__)

#define __BPF_PCPU_ARRAY1(NAME) BPF_TABLE("percpu_array", int, unsigned long long, NAME, 10240)
#define __BPF_PCPU_ARRAY2(NAME, L) BPF_TABLE("percpu_array", int, L, NAME, 10240)
#define __BPF_PCPU_ARRAY3(NAME, L, MAX) BPF_TABLE("percpu_array", int, L, NAME, MAX)
#define BPF_PERCPU_ARRAY(...) \
	__BPF_PICK3(__VA_ARGS__, __BPF_PCPU_ARRAY3, __BPF_PCPU_ARRAY2, __BPF_PCPU_ARRAY1)(__VA_ARGS__)

/* ---- histograms: name, key (int), size (64) */

#define __BPF_HIST1(NAME) BPF_TABLE("histogram", int, unsigned long long, NAME, 64)
#define __BPF_HIST2(NAME, K) BPF_TABLE("histogram", K, unsigned long long, NAME, 64)
#define __BPF_HIST3(NAME, K, MAX) BPF_TABLE("histogram", K, unsigned long long, NAME, MAX)
#define BPF_HISTOGRAM(...) \
	__BPF_PICK3(__VA_ARGS__, __BPF_HIST3, __BPF_HIST2, __BPF_HIST1)(__VA_ARGS__)

/* ---- stack traces */

#ifdef PERF_MAX_STACK_DEPTH
#define BPF_MAX_STACK_DEPTH PERF_MAX_STACK_DEPTH
#else
#define BPF_MAX_STACK_DEPTH 127
#endif

struct bpf_stacktrace {
	unsigned long long ip[BPF_MAX_STACK_DEPTH];
};

/* As struct bpf_stack_build_id of the kernel's ABI, which a program need not have named. */
struct __bpf_stack_frame_id {
	int status;
	unsigned char build_id[20];
	union {
		unsigned long long offset;
		unsigned long long ip;
	};
};

struct bpf_stacktrace_buildid {
	struct __bpf_stack_frame_id trace[BPF_MAX_STACK_DEPTH];
};

#define BPF_STACK_TRACE(NAME, MAX) BPF_TABLE("stacktrace", int, struct bpf_stacktrace, NAME, MAX)
/* 32 is BPF_F_STACK_BUILD_ID. */
#define BPF_STACK_TRACE_BUILDID(NAME, MAX) \
	BPF_F_TABLE("stacktrace", int, struct bpf_stacktrace_buildid, NAME, MAX, 32)

/* ---- output to user space */

/* The index that means "the CPU this runs on" (BPF_F_CURRENT_CPU). */
#ifndef CUR_CPU_IDENTIFIER
#define CUR_CPU_IDENTIFIER 0xffffffffULL
#endif

#define BPF_PERF_OUTPUT(NAME) \
	__BPF_MAP("perf_output", NAME, 0, 0, \
		__BPF_TYPES(int, unsigned int) \
		int (*perf_submit)(const void *, const void *, unsigned long long); \
		int (*perf_submit_skb)(const void *, unsigned long long, const void *, unsigned long long);)

#define BPF_RINGBUF_OUTPUT(NAME, PAGES) \
	__BPF_MAP("ringbuf", NAME, ((PAGES) * __BPF_PAGE_SIZE), 0, \
		__BPF_TYPES(int, unsigned int) \
		int (*ringbuf_output)(const void *, unsigned long long, unsigned long long); \
		void *(*ringbuf_reserve)(unsigned long long); \
		void (*ringbuf_submit)(const void *, unsigned long long); \
		void (*ringbuf_discard)(const void *, unsigned long long); \
		unsigned long long (*ringbuf_query)(unsigned long long);)

#define BPF_PERF_ARRAY(NAME, MAX) \
	__BPF_MAP("perf_array", NAME, MAX, 0, \
		__BPF_TYPES(int, unsigned int) \
		unsigned long long (*perf_read)(unsigned long long); \
		int (*perf_counter_value)(unsigned long long, void *, unsigned int);)

/* ---- programs, CPUs, devices, sockets */

#define BPF_PROG_ARRAY(NAME, MAX) \
	__BPF_MAP("prog", NAME, MAX, 0, __BPF_TYPES(unsigned int, unsigned int) __BPF_TAIL_CALL)

#define BPF_CGROUP_ARRAY(NAME, MAX) \
	__BPF_MAP("cgroup_array", NAME, MAX, 0, \
		__BPF_TYPES(int, unsigned int) int (*check_current_task)(int);)

#define BPF_DEVMAP(NAME, MAX) \
	__BPF_MAP("devmap", NAME, MAX, 0, __BPF_TYPES(unsigned int, int) __BPF_REDIRECT)
#define BPF_CPUMAP(NAME, MAX) \
	__BPF_MAP("cpumap", NAME, MAX, 0, __BPF_TYPES(unsigned int, unsigned int) __BPF_REDIRECT)
#define BPF_XDP_REDIRECT_MAP(KIND, L, NAME, MAX) \
	__BPF_MAP(KIND, NAME, MAX, 0, __BPF_TYPES(unsigned int, L) __BPF_REDIRECT)

#define __BPF_XSK(KIND, NAME, MAX) \
	__BPF_MAP(KIND, NAME, MAX, 0, \
		__BPF_TYPES(unsigned int, int) __BPF_REDIRECT __BPF_LOOKUP(unsigned int, int))
#define __BPF_XSK2(NAME, MAX) __BPF_XSK("xskmap", NAME, MAX)
#define __BPF_XSK3(NAME, MAX, PIN) __BPF_XSK("xskmap:" PIN, NAME, MAX)
#define BPF_XSKMAP(...) __BPF_PICK3(__VA_ARGS__, __BPF_XSK3, __BPF_XSK2, )(__VA_ARGS__)

#define BPF_SOCKMAP(NAME, MAX) \
	__BPF_MAP("sockmap", NAME, MAX, 0, \
		__BPF_TYPES(unsigned int, int) \
		int (*update)(unsigned int const *, int const *); \
		int (*delete)(unsigned int const *); \
		int (*sock_map_update)(void *, void *, unsigned long long); \
		int (*msg_redirect_map)(void *, unsigned int, unsigned long long); \
		int (*sk_redirect_map)(void *, unsigned int, unsigned long long);)

#define __BPF_SOCKHASH1(NAME) __BPF_SOCKHASH3(NAME, unsigned int, 10240)
#define __BPF_SOCKHASH2(NAME, K) __BPF_SOCKHASH3(NAME, K, 10240)
#define __BPF_SOCKHASH3(NAME, K, MAX) \
	__BPF_MAP("sockhash", NAME, MAX, 0, \
		__BPF_TYPES(K, int) \
		int (*update)(K const *, int const *); \
		int (*delete)(K const *); \
		int (*sock_hash_update)(void *, void *, unsigned long long); \
		int (*msg_redirect_hash)(void *, void *, unsigned long long); \
		int (*sk_redirect_hash)(void *, void *, unsigned long long);)
#define BPF_SOCKHASH(...) \
	__BPF_PICK3(__VA_ARGS__, __BPF_SOCKHASH3, __BPF_SOCKHASH2, __BPF_SOCKHASH1)(__VA_ARGS__)

/* ---- maps of maps: the inner map is named, in quotes */

#define BPF_ARRAY_OF_MAPS(NAME, INNER, MAX) \
	BPF_TABLE("array_of_maps$" INNER, int, int, NAME, MAX)
#define __BPF_HOM2(NAME, INNER) BPF_TABLE("hash_of_maps$" INNER, int, int, NAME, 10240)
#define __BPF_HOM3(NAME, K, INNER) BPF_TABLE("hash_of_maps$" INNER, K, int, NAME, 10240)
#define __BPF_HOM4(NAME, K, INNER, MAX) BPF_TABLE("hash_of_maps$" INNER, K, int, NAME, MAX)
#define BPF_HASH_OF_MAPS(...) \
	__BPF_PICK4(__VA_ARGS__, __BPF_HOM4, __BPF_HOM3, __BPF_HOM2, )(__VA_ARGS__)

/* ---- storage local to a kernel object; flags is BPF_F_NO_PREALLOC */

#define BPF_SK_STORAGE(NAME, L) \
	__BPF_MAP("sk_storage", NAME, 0, 1, __BPF_TYPES(int, L) __BPF_SK_STORAGE(L))
#define BPF_INODE_STORAGE(NAME, L) \
	__BPF_MAP("inode_storage", NAME, 0, 1, __BPF_TYPES(int, L) __BPF_INODE_STORAGE(L))
#define BPF_TASK_STORAGE(NAME, L) \
	__BPF_MAP("task_storage", NAME, 0, 1, __BPF_TYPES(int, L) __BPF_TASK_STORAGE(L))
#define BPF_CGRP_STORAGE(NAME, L) \
	__BPF_MAP("cgrp_storage", NAME, 0, 1, __BPF_TYPES(int, L) __BPF_CGRP_STORAGE(L))

/* As struct bpf_cgroup_storage_key of the kernel's ABI. */
struct __bpf_cgroup_key {
	unsigned long long cgroup_inode_id;
	unsigned int attach_type;
};

#define __BPF_CGROUP(KIND, NAME, L) \
	__BPF_MAP(KIND, NAME, 0, 0, \
		__BPF_TYPES(struct __bpf_cgroup_key, L) __BPF_LOOKUP(struct __bpf_cgroup_key, L) \
		int (*update)(struct __bpf_cgroup_key const *, L const *); \
		L *(*get_local_storage)(unsigned long long);)
#define BPF_CGROUP_STORAGE(NAME, L) __BPF_CGROUP("cgroup_storage", NAME, L)
#define BPF_PERCPU_CGROUP_STORAGE(NAME, L) __BPF_CGROUP("percpu_cgroup_storage", NAME, L)

/* ---- queues and stacks: name, leaf, size, flags (0) */

#define BPF_QUEUESTACK(KIND, NAME, L, MAX, FLAGS) \
	__BPF_MAP(KIND, NAME, MAX, FLAGS, L leaf; __BPF_QUEUE(L))
#define BPF_QUEUESTACK_PINNED(KIND, NAME, L, MAX, FLAGS, PIN) \
	BPF_QUEUESTACK(KIND ":" PIN, NAME, L, MAX, FLAGS)
#define BPF_QUEUESTACK_PUBLIC(KIND, NAME, L, MAX, FLAGS) \
	BPF_QUEUESTACK(KIND, NAME, L, MAX, FLAGS); __BPF_MAP_SCOPE("export", NAME)
#define BPF_QUEUESTACK_SHARED(KIND, NAME, L, MAX, FLAGS) \
	BPF_QUEUESTACK(KIND, NAME, L, MAX, FLAGS); __BPF_MAP_SCOPE("shared", NAME)

#define __BPF_QUEUE3(NAME, L, MAX) BPF_QUEUESTACK("queue", NAME, L, MAX, 0)
#define __BPF_QUEUE4(NAME, L, MAX, FLAGS) BPF_QUEUESTACK("queue", NAME, L, MAX, FLAGS)
#define BPF_QUEUE(...) __BPF_PICK4(__VA_ARGS__, __BPF_QUEUE4, __BPF_QUEUE3, , )(__VA_ARGS__)
#define __BPF_STACK3(NAME, L, MAX) BPF_QUEUESTACK("stack", NAME, L, MAX, 0)
#define __BPF_STACK4(NAME, L, MAX, FLAGS) BPF_QUEUESTACK("stack", NAME, L, MAX, FLAGS)
#define BPF_STACK(...) __BPF_PICK4(__VA_ARGS__, __BPF_STACK4, __BPF_STACK3, , )(__VA_ARGS__)

/* ---- filters and buffers that bcc has no macro for */

#define __BPF_BLOOM3(NAME, L, MAX) __BPF_BLOOM4(NAME, L, MAX, 0)
#define __BPF_BLOOM4(NAME, L, MAX, FLAGS) \
	__BPF_MAP("bloom_filter", NAME, MAX, FLAGS, L leaf; \
		int (*push)(L const *, unsigned long long); int (*peek)(L *);)
#define BPF_BLOOM_FILTER(...) __BPF_PICK4(__VA_ARGS__, __BPF_BLOOM4, __BPF_BLOOM3, , )(__VA_ARGS__)

/* The callback gets a struct bpf_dynptr * and what is passed on; it gives 1 to stop. */
#define BPF_USER_RINGBUF(NAME, PAGES) \
	__BPF_MAP("user_ringbuf", NAME, ((PAGES) * __BPF_PAGE_SIZE), 0, \
		long (*drain)(void *, void *, unsigned long long);)

/* ---- arenas: memory that programs and user space share; flags is BPF_F_MMAPABLE */

#ifndef __arena
#define __arena __attribute__((address_space(1)))
#endif
#define BPF_ARENA(NAME, PAGES) __BPF_MAP("arena", NAME, PAGES, 1024, )
