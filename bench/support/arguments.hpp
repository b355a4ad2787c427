// Command lines of the measuring programs: pairs of --name and value.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>

namespace modelmesh::bench {

/// @throws std::invalid_argument  naming the argument that is wrong.
class arguments {
public:
    arguments(int argc, char** argv) {
        for (int i = 1; i < argc; i += 2) {
            const std::string name = argv[i];
            if (!name.starts_with("--") || i + 1 == argc)
                throw std::invalid_argument(name + ": expected --name value");
            values_[name.substr(2)] = argv[i + 1];
        }
    }

    std::string text(const std::string& name, const std::string& otherwise = "") {
        const auto found = values_.extract(name);
        return found ? found.mapped() : otherwise;
    }
    std::uint64_t number(const std::string& name, std::uint64_t otherwise) {
        const auto found = values_.extract(name);
        return found ? std::stoull(found.mapped()) : otherwise;
    }
    /// Call it after the last value was asked for: what is left over is a mistake.
    void finish() const {
        if (!values_.empty()) throw std::invalid_argument("--" + values_.begin()->first + ": unknown");
    }

private:
    std::map<std::string, std::string> values_;
};

} // namespace modelmesh::bench
