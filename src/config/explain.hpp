// Where the values of a configuration come from.
#pragma once

#include "config/node.hpp"

#include <modelmesh/config/load.hpp>

#include <memory>
#include <string>
#include <vector>

namespace modelmesh::settings {

/// What a configuration was made from.
struct origin {
    node root; ///< with own names
    std::shared_ptr<const std::string>
        from_template{}; ///< the source of what a template says; null: there is none
};

/// Every value of `effective`. What differs from `loaded`, which is what the origin came to, was changed by code.
[[nodiscard]] std::vector<setting> explain(const origin& from, const config& loaded, const config& effective);

} // namespace modelmesh::settings
