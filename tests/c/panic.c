/* panic: linked with a library whose upload of "plant a panic" panics. */
#include <string.h>

#include "cas.h"
#include "check.h"

int main(void)
{
    cas_config *config = cas_config_new();
    cas_client *client = NULL;
    cas_error *error = NULL;
    int64_t id = -7;
    int round;

    CHECK(cas_config_set_endpoint(config, "http://127.0.0.1:1") == CAS_OK);
    CHECK(cas_config_set_max_attempts(config, 1) == CAS_OK);
    CHECK(cas_config_set_access_key(config, "i", "s") == CAS_OK);
    CHECK(cas_client_new(config, &client, &error) == CAS_OK);
    for (round = 0; round < 2; round++) {
        CHECK(cas_upload_certificate(client, "plant a panic", "", "", &id, &error) == CAS_ERR_INTERNAL);
        CHECK(cas_error_status(error) == CAS_ERR_INTERNAL);
        CHECK(strstr(cas_error_message(error), "a panic was planted") != NULL);
        CHECK(cas_error_hint(error) != NULL);
        CHECK(id == -7);
        cas_error_free(error);
        CHECK(cas_upload_certificate(client, "plant a panic", "", "", &id, NULL) == CAS_ERR_INTERNAL);
    }

    /* The client is as good as before. */
    CHECK(cas_delete_certificate(client, 1, &error) == CAS_ERR_NETWORK);
    cas_error_free(error);
    cas_client_free(client);
    cas_config_free(config);
    return 0;
}
