/*
 * stored ENDPOINT CERT KEY API: uploads 60 certificates' names, so that there are two pages; lists them, looks at one,
 * deletes it, and finds it gone.
 */
#include <string.h>

#include "cas.h"
#include "check.h"

enum { COUNT = 60 };

static int is_date(const char *text)
{
    return strlen(text) == 10 && text[4] == '-' && text[7] == '-';
}

int main(int argc, char **argv)
{
    cas_config *config = cas_config_new();
    cas_client *client = NULL;
    cas_request *request = cas_request_new();
    cas_certificate_list *list = NULL;
    cas_certificate *one = NULL;
    cas_error *error = NULL;
    const cas_certificate *listed;
    char name[32];
    int64_t id;
    size_t i;

    CHECK(argc == 5);
    CHECK(cas_config_set_endpoint(config, argv[1]) == CAS_OK);
    CHECK(cas_config_set_access_key(config, "testid", "testsecret") == CAS_OK);
    CHECK(cas_config_set_api(config, (cas_api)strtol(argv[4], NULL, 10)) == CAS_OK);
    CHECK(cas_client_new(config, &client, &error) == CAS_OK);
    cas_config_free(config);

    CHECK(cas_list_certificates(client, &list, &error) == CAS_OK);
    CHECK(cas_certificate_list_len(list) == 0 && cas_certificate_list_get(list, 0) == NULL);
    cas_certificate_list_free(list);

    CHECK(cas_request_load_cert_file(request, argv[2], &error) == CAS_OK);
    CHECK(cas_request_load_key_file(request, argv[3], &error) == CAS_OK);
    for (i = 0; i < COUNT; i++) {
        cas_result *result = NULL;
        snprintf(name, sizeof name, "stored-%d", (int)i);
        CHECK(cas_request_set_name(request, name) == CAS_OK);
        CHECK(cas_create_user_certificate(client, request, &result, &error) == CAS_OK);
        cas_result_free(result);
    }
    cas_request_free(request);

    CHECK(cas_list_certificates(client, &list, &error) == CAS_OK && error == NULL);
    CHECK(cas_certificate_list_len(list) == COUNT);
    CHECK(cas_certificate_list_get(list, COUNT) == NULL);
    for (i = 0; i < COUNT; i++) {
        listed = cas_certificate_list_get(list, i);
        CHECK(cas_certificate_id(listed) > 0);
        CHECK(strncmp(cas_certificate_name(listed), "stored-", 7) == 0);
    }
    listed = cas_certificate_list_get(list, 7);
    id = cas_certificate_id(listed);
    CHECK(cas_get_certificate(client, id, &one, &error) == CAS_OK);
    CHECK(cas_certificate_id(one) == id);
    CHECK(strcmp(cas_certificate_name(one), cas_certificate_name(listed)) == 0);
    CHECK(strcmp(cas_certificate_common_name(one), "demo.example") == 0);
    CHECK(strcmp(cas_certificate_common_name(one), cas_certificate_common_name(listed)) == 0);
    CHECK(strstr(cas_certificate_sans(one), "demo.example") != NULL);
    CHECK(strlen(cas_certificate_issuer(one)) > 0);
    CHECK(strlen(cas_certificate_fingerprint(one)) == 40);
    CHECK(strcmp(cas_certificate_fingerprint(one), cas_certificate_fingerprint(listed)) == 0);
    CHECK(is_date(cas_certificate_not_before(one)) && is_date(cas_certificate_not_after(one)));
    CHECK(!cas_certificate_expired(one) && !cas_certificate_expired(listed));
    cas_certificate_list_free(list);
    cas_certificate_free(one);

    CHECK(cas_delete_certificate(client, id, &error) == CAS_OK && error == NULL);
    CHECK(cas_delete_certificate(client, id, &error) == CAS_ERR_NOT_FOUND);
    CHECK(strcmp(cas_error_service_code(error), "NotFound") == 0 && cas_error_hint(error) != NULL);
    cas_error_free(error);
    CHECK(cas_get_certificate(client, id, &one, NULL) == CAS_ERR_NOT_FOUND);
    CHECK(cas_list_certificates(client, &list, &error) == CAS_OK);
    CHECK(cas_certificate_list_len(list) == COUNT - 1);
    cas_certificate_list_free(list);
    cas_client_free(client);
    return 0;
}
