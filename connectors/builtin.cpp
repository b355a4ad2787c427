// The one list of connectors that ship with the library.
#include "providers/openai.hpp"

#include <modelmesh/connector/openai_compatible.hpp>
#include <modelmesh/connector/registry.hpp>

namespace modelmesh::connector {
namespace {

/// Adds a connector whose id is ours to give: a clash with another of ours is a defect.
void add(registry& to, const char* id, registry::factory make) {
    to.add_provider(id, std::move(make)).value();
}

std::unique_ptr<provider> openai_itself() { return std::make_unique<openai>(); }
std::unique_ptr<provider> openai_format() { return std::make_unique<openai_compatible>(); }

} // namespace

void register_builtin(registry& to) {
    add(to, "openai.llm.v1", openai_itself);
    // These servers speak OpenAI's chat format without a difference that this connector would have to know.
    add(to, "ollama.local.v1", openai_format);
    add(to, "vllm.local.v1", openai_format);
}

} // namespace modelmesh::connector
