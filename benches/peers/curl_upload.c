/*
 * curl_upload ENDPOINT CERT KEY CALLS [CAFILE]
 *
 * The reference: what a careful C programmer writes on libcurl and OpenSSL to send the same request
 * as libcas. Makes CALLS uploads on one connection. Without CAFILE it uses libcurl's root store.
 *
 * It is written to be fast: one easy handle whose options are set once, no copy of the body by
 * libcurl, and no "Expect: 100-continue". It does nothing else that libcas does: no checks of the
 * certificate, no wiping of the key, no retries.
 */
#include <curl/curl.h>

#include "signed_form.h"

static void die(const char *what)
{
    fprintf(stderr, "curl_upload: %s\n", what);
    exit(1);
}

static size_t receive(char *data, size_t size, size_t count, void *into)
{
    struct response *response = into;
    size_t length = size * count;
    if (length >= sizeof response->text - response->length)
        return 0;
    memcpy(response->text + response->length, data, length);
    response->length += length;
    return length;
}

static void set_options(CURL *curl, const char *endpoint, const char *ca_file, char *problem,
                        struct response *response)
{
    /* An empty value removes the header. */
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
    curl_easy_setopt(curl, CURLOPT_URL, endpoint);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers); /* never freed */
    curl_easy_setopt(curl, CURLOPT_POST, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 60000L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, problem);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, response);
    if (ca_file != NULL)
        curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
}

int main(int argc, char **argv)
{
    static struct response response;
    struct uploads uploads;
    char problem[CURL_ERROR_SIZE] = "";
    CURL *curl;
    long calls, i;

    if (argc != 5 && argc != 6)
        die("usage: curl_upload ENDPOINT CERT KEY CALLS [CAFILE]");
    calls = strtol(argv[4], NULL, 10);
    start(&uploads, argv[2], argv[3]);

    curl_global_init(CURL_GLOBAL_DEFAULT);
    curl = curl_easy_init();
    if (curl == NULL)
        die("curl_easy_init failed");
    set_options(curl, argv[1], argc == 6 ? argv[5] : NULL, problem, &response);

    for (i = 1; i <= calls; i++) {
        const struct buffer *form = next_form(&uploads, i);
        long status = 0;
        response.length = 0;
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, form->at); /* not copied */
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)form->length);
        if (curl_easy_perform(curl) != CURLE_OK)
            die(problem);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        if (status != 200 || cert_id(&response) <= 0)
            die(response.text);
    }
    return 0; /* the kernel frees the rest faster than free() */
}
