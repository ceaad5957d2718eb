#pragma once

namespace banyan {

// Text of the C files that ExportC writes, with @NAME@-like marks to fill in. Standard C11; no part
// of TVM's sources. What the kernel calls, and how, is the C ABI of tvm-ffi and of TVM's
// c_backend_api.h.

inline constexpr const char* kHeaderText = R"(/* @TITLE@
 * Built by Banyan for @CPU@. Link with @NAME@.o and @NAME@_runtime.c (and -lm). */
#ifndef @GUARD@
#define @GUARD@

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Sizes in elements. Tensors are row-major and start at multiples of 64 bytes. */
@SIZES@
/* Returns 0, or another value on failure (@NAME@_error() then says why).
 * Not reentrant with threads of its own; calls from different threads on different outputs are fine. */
int @NAME@(@PARAMETERS@);
const char* @NAME@_error(void);

#ifdef __cplusplus
}
#endif

#endif
)";

inline constexpr const char* kRuntimeText = R"(/* The few runtime functions that @NAME@.o calls. */
#include "@NAME@.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  int32_t type;
  int32_t id;
} Device;
typedef struct {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
} DataType;
typedef struct {
  void* data;
  Device device;
  int32_t ndim;
  DataType dtype;
  int64_t* shape;
  int64_t* strides;
  uint64_t byte_offset;
} Tensor;
typedef struct {
  int32_t type_index;
  uint32_t padding;
  union {
    int64_t integer;
    void* pointer;
  } value;
} Value;
typedef struct {
  void* sync_handle;
  int32_t num_task;
} ParallelEnv;

enum { kCpu = 1, kTensorPointer = 7 };

extern int __tvm_ffi_@NAME@(void* self, const Value* args, int32_t num_args, Value* result);

static _Thread_local char error_text[512];
const char* @NAME@_error(void) { return error_text; }

/* Weak, so that several exported kernels link into one program. */
__attribute__((weak)) char* banyan_kernel_error(void) {
  static _Thread_local char text[512];
  return text;
}
static void append_error(const char* part) {
  char* text = banyan_kernel_error();
  strncat(text, part, 511 - strlen(text));
}
__attribute__((weak)) void TVMFFIErrorSetRaisedFromCStrParts(const char* kind, const char** parts,
                                                             int32_t num_parts) {
  banyan_kernel_error()[0] = '\0';
  append_error(kind);
  append_error(": ");
  for (int32_t i = 0; i < num_parts; ++i) {
    if (parts[i] != NULL) append_error(parts[i]);
  }
}
__attribute__((weak)) void TVMFFIErrorSetRaisedFromCStr(const char* kind, const char* message) {
  TVMFFIErrorSetRaisedFromCStrParts(kind, &message, 1);
}

static void* allocate(int device_type, int device_id, uint64_t bytes, int code_hint, int bits_hint) {
  (void)device_type, (void)device_id, (void)code_hint, (void)bits_hint;
  return aligned_alloc(64, (bytes + 63) / 64 * 64);
}
static int release(int device_type, int device_id, void* pointer) {
  (void)device_type, (void)device_id;
  free(pointer);
  return 0;
}
/* With -fopenmp on as many threads as OpenMP gives, else on one. */
static int launch(int (*task)(int, ParallelEnv*, void*), void* data, int num_task) {
  int failed = 0;
#ifdef _OPENMP
  extern int omp_get_max_threads(void);
  if (num_task <= 0) num_task = omp_get_max_threads();
  ParallelEnv env = {NULL, num_task};
#pragma omp parallel for schedule(static, 1) reduction(| : failed) num_threads(num_task)
  for (int i = 0; i < num_task; ++i) failed |= task(i, &env, data);
#else
  (void)num_task;
  ParallelEnv env = {NULL, 1};
  failed = task(0, &env, data);
#endif
  return failed;
}

/* Slots of the kernel that TVM's loader would fill; absent ones have a null address. */
extern void* (*__TVMBackendAllocWorkspace)(int, int, uint64_t, int, int) __attribute__((weak));
extern int (*__TVMBackendFreeWorkspace)(int, int, void*) __attribute__((weak));
extern int (*__TVMBackendParallelLaunch)(int (*)(int, ParallelEnv*, void*), void*, int)
    __attribute__((weak));

__attribute__((constructor)) static void fill_slots(void) {
  if (&__TVMBackendAllocWorkspace != NULL) __TVMBackendAllocWorkspace = allocate;
  if (&__TVMBackendFreeWorkspace != NULL) __TVMBackendFreeWorkspace = release;
  if (&__TVMBackendParallelLaunch != NULL) __TVMBackendParallelLaunch = launch;
}

int @NAME@(@PARAMETERS@) {
@SHAPES@  Tensor tensors[@COUNT@] = {
@TENSORS@  };
  Value arguments[@COUNT@];
  Value result = {0, 0, {0}};
  memset(arguments, 0, sizeof arguments);
  for (int i = 0; i < @COUNT@; ++i) {
    arguments[i].type_index = kTensorPointer;
    arguments[i].value.pointer = &tensors[i];
  }
  const int status = __tvm_ffi_@NAME@(NULL, arguments, @COUNT@, &result);
  if (status != 0) {
    error_text[0] = '\0';
    strncat(error_text, banyan_kernel_error(), sizeof error_text - 1);
  }
  return status;
}
)";

inline constexpr const char* kExampleText = R"(/* Runs @NAME@ and times it.
 *   example                  on made-up inputs
 *   example INPUTS OUTPUTS   on raw tensors, one after the other in the files */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "@NAME@.h"

static double now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1e3 + t.tv_nsec * 1e-6;
}

static void* allocate(size_t bytes) {
  void* memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (memory == NULL) {
    fprintf(stderr, "out of memory\n");
    exit(1);
  }
  return memory;
}

static uint32_t state = 1;
static double made_up(void) { /* in [-1, 1) */
  state = state * 1664525u + 1013904223u;
  return (state >> 8) * (2.0 / 16777216.0) - 1.0;
}

int main(int argc, char** argv) {
@ALLOCATE@
  if (argc == 3) {
    FILE* file = fopen(argv[1], "rb");
    if (file == NULL@READ@) {
      fprintf(stderr, "cannot read %s\n", argv[1]);
      return 1;
    }
    fclose(file);
  } else {
@FILL@  }
  if (@NAME@(@ARGUMENTS@) != 0) {
    fprintf(stderr, "%s\n", @NAME@_error());
    return 1;
  }
  if (argc == 3) {
    FILE* file = fopen(argv[2], "wb");
    if (file == NULL@WRITE@ || fclose(file) != 0) {
      fprintf(stderr, "cannot write %s\n", argv[2]);
      return 1;
    }
  }
@SUMS@
  double best = 1e30;
  const double start = now_ms();
  int calls = 0;
  do {
    const double before = now_ms();
    @NAME@(@ARGUMENTS@);
    const double took = now_ms() - before;
    if (took < best) best = took;
    ++calls;
  } while (now_ms() - start < 200);
  printf("@NAME@: best of %d calls %.6f ms\n", calls, best);
  return 0;
}
)";

inline constexpr const char* kMakefileText = R"(# make && ./example
CC ?= cc
CFLAGS ?= -O2
example: example.c @NAME@_runtime.c @NAME@.h @NAME@.o
	$(CC) $(CFLAGS)@OPENMP@ -o $@ example.c @NAME@_runtime.c @NAME@.o -lm
clean:
	rm -f example
.PHONY: clean
)";

}  // namespace banyan
