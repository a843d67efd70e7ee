/*
 * openssl_inspect CERT KEY CALLS
 *
 * The loop of cas_inspect.c on OpenSSL's own functions: reads the PEM of a chain and its key,
 * checks the key and that it belongs to the certificate, verifies the chain's signatures, and
 * writes the PEM. libcas also looks at the layout of the PEM, at names, dates and extensions.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "read_file.h"

#define MAX_CHAIN 16

static void inspect(const char *chain_text, const char *key_text)
{
    BIO *chain = BIO_new_mem_buf(chain_text, -1), *out = BIO_new(BIO_s_mem());
    BIO *key_file = BIO_new_mem_buf(key_text, -1), *key_out = BIO_new(BIO_s_secmem());
    X509 *certificates[MAX_CHAIN];
    EVP_PKEY *key = PEM_read_bio_PrivateKey(key_file, NULL, NULL, NULL);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    int count = 0, i;
    char *written;
    long length;

    while (count < MAX_CHAIN &&
        (certificates[count] = PEM_read_bio_X509(chain, NULL, NULL, NULL)) != NULL)
        count++;
    if (count == 0 || context == NULL)
        die("cannot read the PEM");
    if (X509_check_private_key(certificates[0], key) != 1 || EVP_PKEY_check(context) != 1)
        die("the key does not belong to the certificate");
    for (i = 0; i + 1 < count; i++)
        if (X509_verify(certificates[i], X509_get0_pubkey(certificates[i + 1])) != 1)
            die("a signature is invalid");
    for (i = 0; i < count; i++)
        if (PEM_write_bio_X509(out, certificates[i]) != 1)
            die("cannot write the PEM");
    if (PEM_write_bio_PrivateKey(key_out, key, NULL, NULL, 0, NULL, NULL) != 1)
        die("cannot write the key");
    length = BIO_get_mem_data(out, &written);
    if ((size_t)length != strlen(chain_text) || memcmp(written, chain_text, length) != 0)
        die("the chain was changed");
    for (i = 0; i < count; i++)
        X509_free(certificates[i]);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    BIO_free(chain);
    BIO_free(key_file);
    BIO_free(out);
    BIO_free(key_out);
}

int main(int argc, char **argv)
{
    char *chain, *key;
    long calls, i;

    if (argc != 4)
        die("usage: openssl_inspect CERT KEY CALLS");
    chain = read_file(argv[1]);
    key = read_file(argv[2]);
    calls = strtol(argv[3], NULL, 10);
    for (i = 0; i < calls; i++)
        inspect(chain, key);
    return 0;
}
