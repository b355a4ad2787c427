// Every key that the JSON Schema has, in each of its places: taken, and the same setting as under its own name.
#include "fixture.hpp"

#include "config/keys.hpp"

#include <modelmesh/json/detail/describe.hpp>

#include <map>
#include <string>

namespace modelmesh::settings {
namespace {

namespace reflected = json::detail;
using reflected::kind;

// What a key may say that is checked against the rest of the file.
const std::map<std::string_view, std::string_view> names_of_things{
    {"connector", "vllm.local.v1"},   {"base_url", "http://host/v1"},
    {"capabilities", "[embeddings]"}, {"capability", "embeddings"},
    {"providers", "[openai.llm.v1]"}, {"excluded_providers", "[openai.llm.v1]"},
    {"provider", "openai.llm.v1"},    {"models", "[gpt-4o]"},
    {"sinks", "[console]"},           {"logging", "[{level: full}]"},
    {"events", "[rotation]"},         {"event_filter", "[rotation]"},
};

// A value of this kind that is none of the defaults.
std::string sample(const reflected::descriptor& type, const reflected::field& member) {
    switch (type.what) {
    case kind::boolean:
        return "true";
    case kind::integer:
        if (as<reflected::integer_type>(type).tick != 0 || member.measure == json::measure::seconds)
            return "7s";
        if (member.measure == json::measure::bytes) return "7KB";
        return "7";
    case kind::floating:
        return member.minimum > 1 ? "77.5" : "0.25";
    case kind::enumeration: {
        const auto& values = as<reflected::enumeration_type>(type);
        return std::string(values.names[values.count - 1]);
    }
    case kind::sequence:
        return "[" + sample(as<reflected::sequence_type>(type).element(), member) + "]";
    case kind::map:
        return "{some: " + sample(as<reflected::map_type>(type).element(), member) + "}";
    case kind::wrapper:
        return sample(as<reflected::wrapper_type>(type).element(), member);
    default:
        return "text";
    }
}

/// Where an object stands in a file.
struct section {
    std::string before;
    std::string behind;
    std::string_view said{}; ///< the member that `before` has, because nothing is right without it
};

class every_key {
public:
    /// The keys of one object and of the objects in it.
    void check(const reflected::object_type& type, const section& at) { visit(type, keys_of(type), at, at); }
    [[nodiscard]] int count() const noexcept { return count_; }

private:
    static section below(const section& at, const std::string& key) {
        return {at.before + key + ": {", "}" + at.behind};
    }

    /// @param own  where members stand under their own names.
    void visit(const reflected::object_type& type, const key_tree& keys, const section& at,
               const section& own) {
        for (const key_tree& key : keys.below) {
            if (key.is_later) continue;
            if (key.settled != nullptr) {
                EXPECT_EQ(dump(at.before + key.name + ": " + std::string(key.settled->only) + at.behind),
                          dump(own.before + own.behind))
                    << at.before << key.name;
                ++count_;
                continue;
            }
            if (key.field == key_tree::none) {
                visit(type, key, below(at, key.name), own);
                continue;
            }
            const reflected::field& member = type.fields[key.field];
            if (member.name == own.said) continue;
            if (member.type().what == kind::object)
                check(as<reflected::object_type>(member.type()), below(at, key.name));
            else if (member.type().what != kind::raw)
                compare(at, key.name, own, member);
        }
    }

    void compare(const section& at, const std::string& key, const section& own,
                 const reflected::field& member) {
        const auto named = names_of_things.find(member.name);
        const bool is_name = named != names_of_things.end() && member.type().what != kind::integer;
        std::string value = is_name ? std::string(named->second) : sample(member.type(), member);
        const auto under_its_own_name = [&] {
            return dump(own.before + std::string(member.name) + ": " + value + own.behind);
        };
        const std::string nothing = dump(own.before + own.behind);
        // There is one way that requests are authorized, and secrets are always taken out.
        const bool has_other_values = member.name != "auth_method" && member.name != "redact_secrets";
        if (has_other_values && value == "true" && under_its_own_name() == nothing)
            value = "false"; // a switch that is on
        EXPECT_EQ(dump(at.before + key + ": " + value + at.behind), under_its_own_name()) << at.before << key;
        if (has_other_values) {
            EXPECT_NE(under_its_own_name(), nothing) << at.before << key << ": " << value;
        }
        ++count_;
    }

    static std::string dump(const std::string& text) {
        try {
            return to_yaml(read(text));
        } catch (const error& refused) {
            ADD_FAILURE() << text << "\n" << refused.info().message;
            return {};
        }
    }

    int count_ = 0;
};

template <class Section> const reflected::object_type& object_of() {
    return as<reflected::object_type>(reflected::describe<Section>());
}

const std::string provider = "providers: {openai.llm.v1: {models: [gpt-4o]}}\n";

TEST(ConfigEveryKey, OfAProviderIsTakenInEachPlaceAsUnderItsOwnName) {
    every_key all;
    all.check(object_of<provider_config>(), {"providers: {openai.llm.v1: {", "}}\n"});
    EXPECT_GT(all.count(), 40);
}

TEST(ConfigEveryKey, OfAPoolIsTakenInEachPlaceAsUnderItsOwnName) {
    every_key all;
    all.check(object_of<pool_config>(), {provider + "pools: {chat: {", "}}\n"});
    EXPECT_GT(all.count(), 120);
}

TEST(ConfigEveryKey, OfAModelIsTakenInEachPlaceAsUnderItsOwnName) {
    every_key all;
    all.check(object_of<model_config>(), {provider + "models: {openai.llm.v1.gpt-4o: {", "}}\n"});
    EXPECT_GT(all.count(), 30);
}

TEST(ConfigEveryKey, OfABudgetIsTakenInEachPlaceAsUnderItsOwnName) {
    every_key all;
    all.check(object_of<budget_config>(), {provider + "budget: {", "}\n"});
    EXPECT_EQ(all.count(), 6);
}

TEST(ConfigEveryKey, OfAStorageIsTakenInEachPlaceAsUnderItsOwnName) {
    every_key all;
    all.check(object_of<storage_config>(),
              {provider + "storage: {connector: modelmesh.memory.v1, ", "}\n", "connector"});
    EXPECT_EQ(all.count(), 8);
}

TEST(ConfigEveryKey, OfDiscoveryIsTakenInEachPlaceAsUnderItsOwnName) {
    every_key all;
    all.check(object_of<discovery_config>(),
              {provider + "discovery: {connector: modelmesh.registry-sync.v1, ", "}\n", "connector"});
    EXPECT_EQ(all.count(), 2);
}

TEST(ConfigEveryKey, OfObservabilityIsTakenInEachPlaceAsUnderItsOwnName) {
    every_key all;
    all.check(object_of<observability_config>(),
              {provider + "observability: {connector: modelmesh.console.v1, ", "}\n", "connector"});
    EXPECT_EQ(all.count(), 12);
}

TEST(ConfigEveryKey, OfASinkIsTakenInEachPlaceAsUnderItsOwnName) {
    every_key all;
    all.check(
        object_of<sink_config>(),
        {provider + "observability: {sinks: [{connector: modelmesh.console.v1, ", "}]}\n", "connector"});
    EXPECT_EQ(all.count(), 3);
}

TEST(ConfigEveryKey, OfTheLogOfRequestsIsTakenInEachPlaceAsUnderItsOwnName) {
    every_key all;
    all.check(
        object_of<logging_config>(),
        {provider + "observability: {logging: [{connector: modelmesh.json-log.v1, ", "}]}\n", "connector"});
    EXPECT_EQ(all.count(), 4);
}

// A middleware has one key besides its options, and cannot be without it.
TEST(ConfigEveryKey, OfAMiddlewareIsTakenInEachPlaceAsUnderItsOwnName) {
    const std::string own = to_yaml(read(provider + "middleware: [{connector: modelmesh.correlation.v1}]\n"));
    EXPECT_NE(own, to_yaml(read(provider)));
    for (const char* same :
         {"[modelmesh.correlation.v1]", "modelmesh.correlation.v1", "{connector: modelmesh.correlation.v1}"})
        EXPECT_EQ(to_yaml(read(provider + "middleware: " + same + "\n")), own) << same;
}

} // namespace
} // namespace modelmesh::settings
