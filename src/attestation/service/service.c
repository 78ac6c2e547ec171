#include "attestation/service/service.h"

struct trust_store *attestation_ak_roots(const struct attestation_service *service, const struct provider *provider)
{
    return provider->ak_roots ? trust_store_ref(provider->ak_roots) : trust_slot_get(service->ak_roots);
}
