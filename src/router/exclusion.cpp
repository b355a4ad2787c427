#include <modelmesh/router/exclusion.hpp>

namespace modelmesh {

std::string_view to_string(exclusion why) noexcept {
    switch (why) {
    case exclusion::none:
        return "none";
    case exclusion::other_provider:
        return "other provider";
    case exclusion::other_operation:
        return "other operation";
    case exclusion::other_delivery:
        return "other delivery";
    case exclusion::missing_feature:
        return "missing feature";
    case exclusion::too_small:
        return "too small";
    case exclusion::provider_out:
        return "provider out";
    case exclusion::manual:
        return "manual";
    case exclusion::standby:
        return "standby";
    case exclusion::probing:
        return "probing";
    case exclusion::ramping:
        return "ramping";
    case exclusion::paced:
        return "paced";
    case exclusion::budget:
        return "budget";
    }
    return "unknown";
}

} // namespace modelmesh
