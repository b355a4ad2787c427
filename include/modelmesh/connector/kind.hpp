// Connectors that are made from options: what a registry knows of each, by its id.
#pragma once

#include <modelmesh/core/log.hpp>
#include <modelmesh/core/result.hpp>
#include <modelmesh/json/detail/describe.hpp>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modelmesh::connector {

/// What a connector's options are: an aggregate as reflected JSON has them (json/fields.hpp).
struct options_type {
    const json::detail::descriptor* type; ///< of what `make_options` makes
    std::function<std::shared_ptr<void>()> make_options;
};

/// A registered connector: what its options are, and how one is made of them.
template <class Connector, class Pointer = std::unique_ptr<Connector>> struct kind : options_type {
    std::function<result<Pointer>(const void* options, log_sink* log)> make;
};

/// The connectors of one interface by id. Threads: as a plain container.
/// @tparam Pointer  what owns a connector: a std::shared_ptr where several have a part in it.
template <class Connector, class Pointer = std::unique_ptr<Connector>> class kind_table {
public:
    template <class Options> using factory = std::function<result<Pointer>(const Options&, log_sink* log)>;

    /// @param prefix  what ids may have before them: the name of the interface and a point. Outlives the table.
    explicit kind_table(std::string_view prefix) noexcept : prefix_(prefix) {}

    /// Errors: config when the id is empty or taken, or there is no factory.
    template <class Options> result<void> add(std::string id, factory<Options> make) {
        if (id.empty()) return fault(errc::config, "a connector needs an id");
        if (!make) return fault(errc::config, "connector '" + id + "' needs a factory");
        if (kinds_.contains(id)) return fault(errc::config, "connector '" + id + "' is registered already");
        kind<Connector, Pointer> made{
            {&json::detail::describe<Options>(), [] { return std::make_shared<Options>(); }},
            [make = std::move(make)](const void* options, log_sink* log) {
                return make(*static_cast<const Options*>(options), log);
            }};
        kinds_.emplace(std::move(id), std::move(made));
        return {};
    }
    /// Null when there is none. `modelmesh.NAME.v1` may also be written `NAME`. Lives as long as the table.
    [[nodiscard]] const kind<Connector, Pointer>* find(std::string_view id) const {
        if (id.starts_with(prefix_)) id.remove_prefix(prefix_.size());
        auto found = kinds_.find(id);
        if (found == kinds_.end()) found = kinds_.find("modelmesh." + std::string(id) + ".v1");
        return found == kinds_.end() ? nullptr : &found->second;
    }
    /// Sorted.
    [[nodiscard]] std::vector<std::string_view> ids() const {
        std::vector<std::string_view> all;
        for (const auto& [id, made] : kinds_) all.push_back(id);
        return all;
    }

private:
    std::string_view prefix_;
    std::map<std::string, kind<Connector, Pointer>, std::less<>> kinds_;
};

} // namespace modelmesh::connector
