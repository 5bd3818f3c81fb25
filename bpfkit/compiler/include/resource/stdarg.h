/* Freestanding C: what a compiler itself has to bring. */
#ifndef _BPFKIT_STDARG_H
#define _BPFKIT_STDARG_H

typedef __builtin_va_list va_list;
typedef __builtin_va_list __gnuc_va_list;

#define va_start(LIST, LAST) __builtin_va_start(LIST, LAST)
#define va_end(LIST) __builtin_va_end(LIST)
#define va_arg(LIST, T) __builtin_va_arg(LIST, T)
#define va_copy(TO, FROM) __builtin_va_copy(TO, FROM)

#endif
