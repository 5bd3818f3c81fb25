/* Freestanding C: what a compiler itself has to bring. */
#ifndef _BPFKIT_STDDEF_H
#define _BPFKIT_STDDEF_H

typedef __PTRDIFF_TYPE__ ptrdiff_t;
typedef __SIZE_TYPE__ size_t;
typedef __WCHAR_TYPE__ wchar_t;

#undef NULL
#define NULL ((void *)0)
#undef offsetof
#define offsetof(T, M) __builtin_offsetof(T, M)

#endif
