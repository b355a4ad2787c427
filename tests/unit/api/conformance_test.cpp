// The wire types against OpenAI's own description of its API: documents made from its schemas are read, written
// back unchanged, and nothing in them is unknown to the types.
#include <modelmesh/api/audio.hpp>
#include <modelmesh/api/batches.hpp>
#include <modelmesh/api/chat.hpp>
#include <modelmesh/api/embeddings.hpp>
#include <modelmesh/api/files.hpp>
#include <modelmesh/api/images.hpp>
#include <modelmesh/api/models.hpp>
#include <modelmesh/api/moderations.hpp>
#include <modelmesh/json/detail/describe.hpp>
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <boost/json.hpp>

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <iterator>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

namespace modelmesh {
namespace {

namespace wire = boost::json;

const wire::object& schemas() {
    static const wire::value document = [] {
        std::ifstream file(MODELMESH_TEST_DATA "/openai-openapi.json");
        return wire::parse(std::string(std::istreambuf_iterator<char>(file), {}));
    }();
    return document.at("components").at("schemas").as_object();
}

/// Makes documents that a schema allows: at each choice another one, seeded.
class sampler {
public:
    explicit sampler(unsigned seed) : random_(seed) {}

    wire::value sample(const wire::value& schema) { return any(schema.as_object(), 0); }
    /// What the documents had: `/choices/message/content`, without the indexes.
    [[nodiscard]] const std::set<std::string>& seen() const noexcept { return seen_; }

private:
    static const wire::object& resolved(const wire::object& schema) {
        const wire::value* const reference = schema.if_contains("$ref");
        if (reference == nullptr) return schema;
        const std::string_view path = reference->as_string();
        return resolved(schemas().at(path.substr(path.rfind('/') + 1)).as_object());
    }
    std::size_t choose(std::size_t count) {
        return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_);
    }

    wire::value any(const wire::object& unresolved, int depth) {
        const wire::object& schema = resolved(unresolved);
        for (const char* kind : {"oneOf", "anyOf"})
            if (const wire::value* const list = schema.if_contains(kind))
                if (!schema.contains("properties"))
                    return any(list->as_array().at(choose(list->as_array().size())).as_object(), depth);
        if (const wire::value* const one = schema.if_contains("const")) return *one;
        if (const wire::value* const list = schema.if_contains("enum"))
            return list->as_array().at(choose(list->as_array().size()));
        if (schema.contains("properties") || schema.contains("allOf")) return object(schema, depth);
        return typed(schema, depth);
    }

    wire::value typed(const wire::object& schema, int depth) {
        const wire::value* const named = schema.if_contains("type");
        if (named == nullptr) return "anything";
        const wire::value& type =
            named->is_array() ? named->as_array().at(choose(named->as_array().size())) : *named;
        const std::string_view name = type.as_string();
        if (name == "string") return "text \u00e9";
        if (name == "integer") return 7;
        if (name == "number") return 0.5;
        if (name == "boolean") return choose(2) == 0;
        if (name == "null") return nullptr;
        if (name == "array") {
            wire::array made;
            const wire::value* const items = schema.if_contains("items");
            for (std::size_t i = depth < deepest ? choose(3) : 0; i != 0 && items != nullptr; --i)
                made.push_back(any(items->as_object(), depth + 1));
            return made;
        }
        return object(schema, depth);
    }

    wire::value object(const wire::object& schema, int depth) {
        wire::object made;
        add_properties(schema, made, depth);
        if (const wire::value* const more = schema.if_contains("additionalProperties"))
            if (more->is_object() && made.empty()) made["a key"] = any(more->as_object(), depth + 1);
        return made;
    }

    void add_properties(const wire::object& schema, wire::object& made, int depth) {
        if (const wire::value* const parts = schema.if_contains("allOf"))
            for (const wire::value& part : parts->as_array())
                add_properties(resolved(part.as_object()), made, depth);
        const wire::value* const properties = schema.if_contains("properties");
        if (properties == nullptr) return;
        std::set<std::string_view> required;
        if (const wire::value* const list = schema.if_contains("required"))
            for (const wire::value& name : list->as_array()) required.insert(name.as_string());
        for (const auto& [name, property] : properties->as_object()) {
            if (!required.contains(name) && (depth >= deepest || choose(4) == 0)) continue;
            const std::string path = std::exchange(path_, path_ + "/" + std::string(name));
            seen_.insert(path_);
            made[name] = any(property.as_object(), depth + 1);
            path_ = path;
        }
    }

    static constexpr int deepest = 8;
    std::mt19937 random_;
    std::string path_;
    std::set<std::string> seen_;
};

/// Names of members that the types do not know, wherever they are.
class unknown_members {
public:
    template <class T> explicit unknown_members(const T& object) {
        walk(&object, json::detail::describe<T>(), "");
    }
    [[nodiscard]] const std::set<std::string>& paths() const noexcept { return paths_; }

private:
    void walk(const void* object, const json::detail::descriptor& type, const std::string& path) {
        using namespace json::detail;
        switch (type.what) {
        case kind::wrapper: {
            const auto& wrapper = static_cast<const wrapper_type&>(type);
            if (wrapper.state(object) == presence::value) walk(wrapper.get(object), wrapper.element(), path);
            return;
        }
        case kind::sequence: {
            const auto& list = static_cast<const sequence_type&>(type);
            for (std::size_t i = 0; i < list.size(object); ++i)
                walk(list.get(object, i), list.element(), path);
            return;
        }
        case kind::variant: {
            const auto& variant = static_cast<const variant_type&>(type);
            walk(variant.get(object), variant.alternatives[variant.index(object)](), path);
            return;
        }
        case kind::extra: {
            const auto& extra = static_cast<const extra_type&>(type);
            for (std::size_t i = 0; i < extra.size(object); ++i)
                paths_.insert(path + "/" + std::string(extra.name(object, i)));
            return;
        }
        case kind::object: {
            const auto& aggregate = static_cast<const object_type&>(type);
            std::array<void*, most_members> members{};
            aggregate.locate(const_cast<void*>(object), members.data()); // only read
            for (std::size_t i = 0; i < aggregate.count; ++i) {
                const field& member = aggregate.fields[i];
                walk(members[i], member.type(),
                     i == aggregate.extra ? path : path + "/" + std::string(member.name));
            }
            return;
        }
        default:
            return;
        }
    }

    std::set<std::string> paths_;
};

template <class T> void expect_conformance(std::string_view schema) {
    std::set<std::string> seen;
    std::set<std::string> unknown;
    for (unsigned seed = 0; seed < 400; ++seed) {
        sampler make(seed);
        const wire::value document = make.sample(schemas().at(schema));
        const std::string text = wire::serialize(document);
        json::reader reader;
        T read{};
        const result<void> done = reader.read(text, read);
        ASSERT_TRUE(done) << done.error().message << "\n" << text;
        EXPECT_EQ(wire::parse(json::write(read)), document) << text;
        const unknown_members left(read);
        unknown.insert(left.paths().begin(), left.paths().end());
        seen.insert(make.seen().begin(), make.seen().end());
    }
    ::testing::Test::RecordProperty(std::string(schema), std::to_string(seen.size()) + " properties");
    std::printf("%s: %zu properties\n", std::string(schema).c_str(), seen.size());
    EXPECT_EQ(unknown, std::set<std::string>()) << "of " << seen.size() << " properties";
}

TEST(Conformance, ChatRequests) { expect_conformance<chat::request>("CreateChatCompletionRequest"); }
TEST(Conformance, ChatReplies) { expect_conformance<chat::reply>("CreateChatCompletionResponse"); }
TEST(Conformance, ChatChunks) { expect_conformance<chat::chunk>("CreateChatCompletionStreamResponse"); }
TEST(Conformance, Embeddings) {
    expect_conformance<embeddings::request>("CreateEmbeddingRequest");
    expect_conformance<embeddings::reply>("CreateEmbeddingResponse");
}
TEST(Conformance, Moderations) {
    expect_conformance<moderations::request>("CreateModerationRequest");
    expect_conformance<moderations::reply>("CreateModerationResponse");
}
TEST(Conformance, Images) {
    expect_conformance<images::request>("CreateImageRequest");
    expect_conformance<images::reply>("ImagesResponse");
    expect_conformance<images::event>("ImageGenStreamEvent");
}
TEST(Conformance, Audio) {
    expect_conformance<audio::speech_request>("CreateSpeechRequest");
    expect_conformance<audio::speech_event>("CreateSpeechResponseStreamEvent");
    expect_conformance<audio::transcription>("CreateTranscriptionResponseJson");
    expect_conformance<audio::transcription>("CreateTranscriptionResponseVerboseJson");
}
TEST(Conformance, ModelsFilesAndBatches) {
    expect_conformance<models::list>("ListModelsResponse");
    expect_conformance<files::file>("OpenAIFile");
    expect_conformance<files::list>("ListFilesResponse");
    expect_conformance<batches::request>("CreateBatchRequest");
    expect_conformance<batches::batch>("Batch");
}

} // namespace
} // namespace modelmesh
