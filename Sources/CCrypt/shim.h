// libxcrypt's crypt(3). `crypt_data` is 32 KiB, so the wrapper keeps it on the heap and wipes it.
#pragma once
#include <crypt.h>
