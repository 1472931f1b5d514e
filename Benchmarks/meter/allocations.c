// Counts a program's calls of malloc, and prints the number at its end:
//   cc -O2 -shared -fPIC -o allocations.so allocations.c -ldl && LD_PRELOAD=./allocations.so lazaret flows -r FILE -o /dev/null
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
static unsigned long n; static void*(*real)(size_t);
void*malloc(size_t s){ if(!real) real=dlsym(RTLD_NEXT,"malloc"); __atomic_fetch_add(&n,1,__ATOMIC_RELAXED); return real(s);}
__attribute__((destructor)) static void done(void){ fprintf(stderr,"%lu allocations\n",n); }
