#ifndef LAZARET_CCRYPTO_SHIM_H
#define LAZARET_CCRYPTO_SHIM_H

#include <openssl/crypto.h>
#include <openssl/evp.h>

#endif
