#include <modelmesh/connector/discovery.hpp>

#include <utility>

namespace modelmesh::connector {

task<result<std::vector<model_info>>> server_discovery::models_of(discovered_provider& provider) {
    result<std::vector<model_info>> listed = co_await provider.list_models();
    if (!listed) co_return listed.error();
    std::erase_if(*listed, [&](model_info& each) { return !take(provider, each); });
    co_return listed;
}

} // namespace modelmesh::connector
