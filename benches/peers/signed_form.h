/*
 * What the peers in C share: the signed form of an upload, with OpenSSL's HMAC. A program that
 * includes it defines die().
 *
 * It is written to be fast: buffers that are reused and never freed, and an HMAC context that is
 * created and keyed once. The order of the parameters is fixed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#define ACCESS_KEY_ID "testid"
#define ACCESS_KEY_SECRET "testsecret"

static void die(const char *what);

struct buffer {
    char *at;
    size_t length, room;
};

static void reserve(struct buffer *buffer, size_t more)
{
    if (buffer->length + more <= buffer->room)
        return;
    buffer->room = 2 * (buffer->length + more);
    buffer->at = realloc(buffer->at, buffer->room);
    if (buffer->at == NULL)
        die("out of memory");
}

static void append(struct buffer *buffer, const char *text, size_t length)
{
    reserve(buffer, length);
    memcpy(buffer->at + buffer->length, text, length);
    buffer->length += length;
}

/* The first length_of[byte] characters encode the byte: the byte itself, or %XX. */
static char escapes[256][4];
static unsigned char length_of[256];

static void make_escapes(void)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                "0123456789-_.~";
    int byte;
    for (byte = 0; byte < 256; byte++) {
        escapes[byte][0] = '%';
        escapes[byte][1] = hex[byte >> 4];
        escapes[byte][2] = hex[byte & 15];
        length_of[byte] = 3;
    }
    for (byte = 0; plain[byte] != '\0'; byte++) {
        escapes[(unsigned char)plain[byte]][0] = plain[byte];
        length_of[(unsigned char)plain[byte]] = 1;
    }
}

static void append_encoded(struct buffer *buffer, const char *text, size_t length)
{
    char *to;
    size_t i;
    reserve(buffer, 3 * length + 1);
    to = buffer->at + buffer->length;
    for (i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text[i];
        memcpy(to, escapes[byte], 4); /* one move; the next overwrites the excess */
        to += length_of[byte];
    }
    buffer->length = (size_t)(to - buffer->at);
}

static void read_file(const char *path, struct buffer *into)
{
    FILE *file = fopen(path, "rb");
    size_t got;
    if (file == NULL)
        die(path);
    do {
        reserve(into, 16384);
        got = fread(into->at + into->length, 1, 16384, file);
        into->length += got;
    } while (got > 0);
    fclose(file);
}

/* What differs between calls. */
struct call {
    char name[80], nonce[33], timestamp[21];
};

static void prepare(struct call *call, const char *prefix, long number)
{
    unsigned char random[16];
    time_t now = time(NULL);
    struct tm utc;
    int i;
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        die("getrandom failed");
    for (i = 0; i < 16; i++) {
        call->nonce[2 * i] = "0123456789abcdef"[random[i] >> 4];
        call->nonce[2 * i + 1] = "0123456789abcdef"[random[i] & 15];
    }
    call->nonce[32] = '\0';
    if (gmtime_r(&now, &utc) == NULL ||
        strftime(call->timestamp, sizeof call->timestamp, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        die("cannot format the time");
    snprintf(call->name, sizeof call->name, "%s%ld", prefix, number);
}

#define LITERAL(buffer, text) append(buffer, text, sizeof(text) - 1)

/* Writes the canonical query: parameters sorted by name, as the signature requires. */
static void write_form(struct buffer *form, const struct buffer *cert, const struct buffer *key,
                       const struct call *call)
{
    form->length = 0;
    LITERAL(form, "AccessKeyId=" ACCESS_KEY_ID "&Action=CreateUserCertificate&Cert=");
    append_encoded(form, cert->at, cert->length);
    LITERAL(form, "&Format=JSON&Key=");
    append_encoded(form, key->at, key->length);
    LITERAL(form, "&Name=");
    append_encoded(form, call->name, strlen(call->name));
    LITERAL(form, "&SignatureMethod=HMAC-SHA1&SignatureNonce=");
    append(form, call->nonce, 32);
    LITERAL(form, "&SignatureVersion=1.0&Timestamp=");
    append_encoded(form, call->timestamp, strlen(call->timestamp));
    LITERAL(form, "&Version=2018-07-13");
}

static EVP_MAC_CTX *new_hmac(void)
{
    static char sha1[] = "SHA1";
    static const char key[] = ACCESS_KEY_SECRET "&";
    OSSL_PARAM params[2];
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *hmac = EVP_MAC_CTX_new(mac);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha1, 0);
    params[1] = OSSL_PARAM_construct_end();
    if (hmac == NULL || !EVP_MAC_init(hmac, (const unsigned char *)key, sizeof key - 1, params))
        die("HMAC-SHA1 is not available");
    EVP_MAC_free(mac);
    return hmac;
}

static void sign(struct buffer *form, struct buffer *string_to_sign, EVP_MAC_CTX *hmac)
{
    unsigned char digest[20], base64[29];
    size_t length = 0;
    string_to_sign->length = 0;
    LITERAL(string_to_sign, "POST&%2F&");
    append_encoded(string_to_sign, form->at, form->length);
    /* Without a key, init restarts with the previous key. */
    if (!EVP_MAC_init(hmac, NULL, 0, NULL) ||
        !EVP_MAC_update(hmac, (unsigned char *)string_to_sign->at, string_to_sign->length) ||
        !EVP_MAC_final(hmac, digest, &length, sizeof digest))
        die("signing failed");
    EVP_EncodeBlock(base64, digest, (int)length);
    LITERAL(form, "&Signature=");
    append_encoded(form, (char *)base64, 28);
}

struct response {
    char text[4096];
    size_t length;
};

static long long cert_id(struct response *response)
{
    static const char field[] = "\"CertId\":";
    char *found;
    response->text[response->length] = '\0';
    found = strstr(response->text, field);
    return found == NULL ? 0 : strtoll(found + sizeof field - 1, NULL, 10);
}

/* The uploads of one process. */
struct uploads {
    struct buffer cert, key, form, string_to_sign;
    char prefix[48];
    EVP_MAC_CTX *hmac;
};

static void start(struct uploads *uploads, const char *cert, const char *key)
{
    memset(uploads, 0, sizeof *uploads);
    read_file(cert, &uploads->cert);
    read_file(key, &uploads->key);
    make_escapes();
    uploads->hmac = new_hmac();
    /* The service requires unique names, also between runs. */
    snprintf(uploads->prefix, sizeof uploads->prefix, "bench-%lx-%lx-", (long)time(NULL),
             (long)getpid());
}

/* The form of one upload. */
static const struct buffer *next_form(struct uploads *uploads, long number)
{
    struct call call;
    prepare(&call, uploads->prefix, number);
    write_form(&uploads->form, &uploads->cert, &uploads->key, &call);
    sign(&uploads->form, &uploads->string_to_sign, uploads->hmac);
    return &uploads->form;
}
