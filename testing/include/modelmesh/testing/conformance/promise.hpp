// What connectors promise, as checks that their authors run in tests of their own, with any test framework.
#pragma once

#include <modelmesh/core/result.hpp>

#include <exception>
#include <ostream>
#include <string>
#include <string_view>

namespace modelmesh::testing {

/// One promise of an interface. @tparam Kit  what the check needs of the connector.
template <class Kit> struct promise {
    std::string_view name; ///< in words that may be part of a test's name
    void (*check)(const Kit& of, class broken& told);

    /// What is wrong, a line for each; empty: the promise is kept. Blocks as the connector does.
    [[nodiscard]] std::string broken_by(const Kit& of) const;
};

/// Takes down what is wrong.
class broken {
public:
    /// Returns whether it is so.
    bool expect(bool is_so, std::string_view what) {
        if (!is_so) lines_.append(lines_.empty() ? "" : "\n").append(what);
        return is_so;
    }
    /// The same of a result that is to be a value.
    template <class T> bool expect_value(const result<T>& got, std::string_view what) {
        if (got) return true;
        return expect(false, std::string(what) + ": " + got.error().message);
    }
    /// The same of one that is to be a failure of this kind.
    template <class T> bool expect_failure(const result<T>& got, errc kind, std::string_view what) {
        if (!expect(!got, std::string(what) + ": it did not fail")) return false;
        return expect(got.error().kind() == kind, std::string(what) + ": it failed as '" +
                                                      std::string(to_string(got.error().kind())) +
                                                      "' and not as '" + std::string(to_string(kind)) + "'");
    }
    [[nodiscard]] const std::string& lines() const noexcept { return lines_; }

private:
    std::string lines_;
};

template <class Kit> std::string promise<Kit>::broken_by(const Kit& of) const {
    broken told;
    try {
        check(of, told);
    } catch (const std::exception& thrown) {
        told.expect(false, std::string("an exception: ") + thrown.what());
    }
    return told.lines();
}

template <class Kit> std::ostream& operator<<(std::ostream& to, const promise<Kit>& shown) {
    return to << shown.name;
}

/// Names for INSTANTIATE_TEST_SUITE_P of GoogleTest.
struct name_of {
    template <class Parameter> std::string operator()(const Parameter& each) const {
        return std::string(each.param.name);
    }
};

} // namespace modelmesh::testing
