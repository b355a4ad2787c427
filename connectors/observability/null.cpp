#include <modelmesh/connector/sinks.hpp>

namespace modelmesh::connector {
namespace {
class null_sink final : public event_sink {
public:
    result<void> write(const event&) override { return {}; }
};
} // namespace

result<std::unique_ptr<event_sink>> make_null_sink(const null_sink_options& /*options*/, log_sink* /*log*/) {
    return std::unique_ptr<event_sink>(std::make_unique<null_sink>());
}

} // namespace modelmesh::connector
