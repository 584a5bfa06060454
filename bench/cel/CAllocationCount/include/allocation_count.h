// Counts what the process allocates and how often it counts references, for benchmarks that promise none of it.
#pragma once

/// Calls of malloc, calloc, realloc and the aligned forms since the process began.
long allocation_count(void);
