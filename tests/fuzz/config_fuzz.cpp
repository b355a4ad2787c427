// Any bytes as a configuration file: it is read, or refused with a reason for each line; what is read can be shown,
// and what is shown is read again.
// fuzz-uses: config connectors
#include "config/load.hpp"

#include <modelmesh/config/load.hpp>
#include <modelmesh/connector/openai_compatible.hpp>
#include <modelmesh/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace modelmesh;

void require(bool holds) {
    if (!holds) std::abort();
}

struct store_options {
    std::string prefix{};
};
// A store that has every secret and reads no file: the bytes are not to choose one.
class any_secret final : public connector::secret_store {
public:
    static result<std::unique_ptr<secret_store>> make(const store_options&, log_sink*) {
        return std::make_unique<any_secret>();
    }
    result<std::optional<std::string>> get(std::string_view name) const override {
        return std::optional<std::string>("secret-of-" + std::string(name));
    }
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const connector::registry connectors = [] {
        connector::registry all;
        (void)all.add_provider("openai.llm.v1",
                               [] { return std::make_unique<connector::openai_compatible>(); });
        (void)all.add_secret_store<store_options>("modelmesh.env.v1", any_secret::make);
        return all;
    }();
    static const settings::environment variables{{"KEY", "sk-123"},
                                                 {"MODELMESH__POOLS__CHAT__FAILURE_THRESHOLD", "5"}};
    const std::string text(reinterpret_cast<const char*>(data), size);
    try {
        const config once = settings::load({{"f", text}}, variables, connectors, nullptr);
        const std::string shown = to_yaml(once);
        if (!once.never_shown.empty()) return 0; // *** is no URL
        config twice;
        try {
            twice = settings::load({{"f", shown}}, {}, connectors, nullptr);
        } catch (const error&) {
            std::abort();
        }
        require(to_yaml(twice) == shown);
    } catch (const error& refused) {
        require(refused.code() == errc::config);
        require(!refused.info().message.empty());
    }
    return 0;
}
