/* The header, twice, and every name in it used once. */
#include "cas.h"
#include "cas.h"

int main(void)
{
    cas_status status = CAS_OK;
    cas_log_fn log = 0;
    cas_outcome outcome = CAS_OUTCOME_CREATED;
    cas_api api = CAS_API_2018_07_13;
    cas_log_level level = CAS_LOG_DEBUG;
    (void)log;
    return status + outcome + api + level == 5 ? 0 : 1;
}
