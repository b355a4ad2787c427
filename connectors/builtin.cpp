// The one list of connectors that ship with the library.
#include "providers/openai.hpp"
#include "secret_stores/dotenv.hpp"
#include "secret_stores/environment.hpp"
#include "secret_stores/memory.hpp"

#include <modelmesh/connector/openai_compatible.hpp>
#include <modelmesh/connector/registry.hpp>

namespace modelmesh::connector {
namespace {

/// Adds a connector whose id is ours to give: a clash with another of ours is a defect.
void add(registry& to, const char* id, registry::factory make) {
    to.add_provider(id, std::move(make)).value();
}

std::unique_ptr<provider> openai_itself() { return std::make_unique<openai>(); }

/// A server of one's own that speaks OpenAI's chat format without a difference that matters here.
class local_server final : public openai_compatible {
public:
    explicit local_server(const char* base_url) : base_url_(base_url) {}
    [[nodiscard]] std::string_view default_base_url() const noexcept override { return base_url_; }

private:
    const char* base_url_;
};
std::unique_ptr<provider> ollama() { return std::make_unique<local_server>("http://127.0.0.1:11434/v1"); }
std::unique_ptr<provider> vllm() { return std::make_unique<local_server>("http://127.0.0.1:8000/v1"); }

template <class Options>
void add_store(registry& to, const char* id,
               result<std::unique_ptr<secret_store>> (*make)(const Options&, log_sink*)) {
    to.add_secret_store<Options>(id, make).value();
}

} // namespace

void register_builtin(registry& to) {
    add(to, "openai.llm.v1", openai_itself);
    add(to, "ollama.local.v1", ollama);
    add(to, "vllm.local.v1", vllm);
    add_store(to, "modelmesh.env.v1", environment_secrets::make);
    add_store(to, "modelmesh.dotenv.v1", dotenv_secrets::make);
    add_store(to, "modelmesh.memory-secrets.v1", memory_secrets::make);
}

} // namespace modelmesh::connector
