// The wire types against OpenAI's own description of its API: documents made from its schemas are read, written
// back unchanged, and nothing in them is unknown to the types.
#include "openapi.hpp"

#include <modelmesh/api/audio.hpp>
#include <modelmesh/api/batches.hpp>
#include <modelmesh/api/chat.hpp>
#include <modelmesh/api/embeddings.hpp>
#include <modelmesh/api/files.hpp>
#include <modelmesh/api/fine_tuning.hpp>
#include <modelmesh/api/images.hpp>
#include <modelmesh/api/models.hpp>
#include <modelmesh/api/moderations.hpp>
#include <modelmesh/api/responses.hpp>
#include <modelmesh/api/text_completions.hpp>
#include <modelmesh/api/uploads.hpp>
#include <modelmesh/json/detail/describe.hpp>
#include <modelmesh/json/read.hpp>
#include <modelmesh/json/write.hpp>

#include <boost/json.hpp>

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace modelmesh {
namespace {

namespace wire = boost::json;

using support::schemas;

const wire::object& resolved(const wire::object& schema) {
    const wire::value* const reference = schema.if_contains("$ref");
    if (reference == nullptr) return schema;
    const std::string_view path = reference->as_string();
    return resolved(schemas().at(path.substr(path.rfind('/') + 1)).as_object());
}

/// Every property that a document of a schema may have, wherever it is, by its description.
class all_properties {
public:
    explicit all_properties(const wire::value& schema) { walk(schema); }
    [[nodiscard]] const std::map<const wire::value*, std::string>& names() const noexcept { return names_; }

private:
    void walk(const wire::value& unresolved) {
        const wire::object& schema = resolved(unresolved.as_object());
        if (!walked_.insert(&schema).second) return;
        for (const char* kind : {"oneOf", "anyOf", "allOf"})
            if (const wire::value* const list = schema.if_contains(kind))
                for (const wire::value& one : list->as_array()) walk(one);
        for (const char* kind : {"items", "additionalProperties"})
            if (const wire::value* const inner = schema.if_contains(kind))
                if (inner->is_object()) walk(*inner);
        if (const wire::value* const properties = schema.if_contains("properties"))
            for (const auto& [name, property] : properties->as_object()) {
                names_.emplace(&property, name);
                walk(property);
            }
    }

    std::set<const wire::object*> walked_;
    std::map<const wire::value*, std::string> names_;
};

/// Makes documents that a schema allows. Of several schemas for one place it prefers those below which there still are
/// properties that no document had; the rest is chance, seeded.
class sampler {
public:
    explicit sampler(unsigned seed) : random_(seed) {}

    wire::value sample(const wire::value& schema) { return any(schema.as_object(), 0); }
    /// What the documents had: `/choices/message/content`, without the indexes.
    [[nodiscard]] const std::set<std::string>& seen() const noexcept { return seen_; }
    /// The same by their descriptions.
    [[nodiscard]] const std::set<const wire::value*>& described() const noexcept { return described_; }

private:
    std::size_t choose(std::size_t count) {
        return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_);
    }

    // True until documents have had every property that is below.
    bool is_promising(const wire::value& schema) {
        const auto [at, added] = unseen_.try_emplace(&schema);
        std::vector<const wire::value*>& unseen = at->second;
        if (added) {
            const all_properties below(schema);
            for (const auto& [property, name] : below.names()) unseen.push_back(property);
        }
        while (!unseen.empty() && described_.contains(unseen.back())) unseen.pop_back();
        return !unseen.empty();
    }
    const wire::object& choose_schema(const wire::array& list) {
        std::vector<const wire::value*> promising;
        if (choose(4) != 0)
            for (const wire::value& schema : list)
                if (is_promising(schema)) promising.push_back(&schema);
        if (promising.empty()) return list[choose(list.size())].as_object();
        return promising[choose(promising.size())]->as_object();
    }

    wire::value any(const wire::object& unresolved, int depth) {
        const wire::object& schema = resolved(unresolved);
        if (schema.contains("$recursiveAnchor")) anchor_ = &schema;
        if (schema.contains("$recursiveRef")) return any(*anchor_, depth);
        for (const char* kind : {"oneOf", "anyOf"})
            if (const wire::value* const list = schema.if_contains(kind))
                if (!schema.contains("properties")) return any(choose_schema(list->as_array()), depth);
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
            described_.insert(&property);
            made[name] = any(property.as_object(), depth + 1);
            path_ = path;
        }
    }

    static constexpr int deepest = 12;
    std::mt19937 random_;
    std::map<const wire::value*, std::vector<const wire::value*>> unseen_;
    const wire::object* anchor_ = nullptr;
    std::string path_;
    std::set<std::string> seen_;
    std::set<const wire::value*> described_;
};

/// Members that the types do not know, and those that they keep as text, wherever they are.
class unknown_members {
public:
    template <class T> explicit unknown_members(const T& object) {
        walk(&object, json::detail::describe<T>(), "");
    }
    [[nodiscard]] const std::set<std::string>& paths() const noexcept { return paths_; }
    [[nodiscard]] const std::set<std::string>& raw() const noexcept { return raw_; }

private:
    void walk(const void* object, const json::detail::descriptor& type, const std::string& path) {
        using namespace json::detail;
        switch (type.what) {
        case kind::wrapper: {
            const auto& wrapper = static_cast<const wrapper_type&>(type);
            if (const void* const value = wrapper.get(object)) walk(value, wrapper.element(), path);
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
        case kind::map: {
            struct context {
                unknown_members& self;
                const map_type& map;
                const std::string& path;
            } all{*this, static_cast<const map_type&>(type), path};
            all.map.each(object, &all, [](void* passed, std::string_view, const void* element) {
                const context& in = *static_cast<const context*>(passed);
                in.self.walk(element, in.map.element(), in.path);
            });
            return;
        }
        case kind::raw:
        case kind::raw_view:
            raw_.insert(path);
            return;
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
                if (member.type == nullptr) continue; // a file
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
    std::set<std::string> raw_;
};

// At least so many documents of each schema, and more until they have had each of its properties.
constexpr unsigned fewest_documents = 400;
constexpr unsigned most_documents = 20'000;

/// @param files  members that are no JSON: the form's files
template <class T> void expect_conformance(std::string_view name, const std::set<std::string>& files = {}) {
    const wire::value& schema = schemas().at(name);
    std::map<const wire::value*, std::string> missing = all_properties(schema).names();
    std::erase_if(missing, [&files](const auto& one) { return files.contains(one.second); });
    const std::size_t described = missing.size();
    std::set<std::string> unknown;
    std::set<std::string> raw;
    sampler make(1);
    for (unsigned i = 0; i < fewest_documents || (!missing.empty() && i < most_documents); ++i) {
        wire::value document = make.sample(schema);
        for (const std::string& file : files) document.as_object().erase(file);
        const std::string text = wire::serialize(document);
        json::reader reader;
        T read{};
        const result<void> done = reader.read(text, read);
        ASSERT_TRUE(done) << done.error().message << "\n" << text;
        ASSERT_EQ(wire::parse(json::write(read)), document) << text;
        const unknown_members left(read);
        unknown.insert(left.paths().begin(), left.paths().end());
        raw.insert(left.raw().begin(), left.raw().end());
        if (i + 1 >= fewest_documents)
            std::erase_if(missing, [&make](const auto& one) { return make.described().contains(one.first); });
    }
    const std::set<std::string>& seen = make.seen();
    std::set<std::string> never;
    for (const auto& [property, called] : missing) never.insert(called);
    const std::string counts =
        std::to_string(described) + " properties at " + std::to_string(seen.size()) + " places";
    ::testing::Test::RecordProperty(std::string(name), counts);
    std::printf("%s: %s\n", std::string(name).c_str(), counts.c_str());
    EXPECT_EQ(unknown, std::set<std::string>()) << "of " << counts;
    EXPECT_EQ(never, std::set<std::string>()) << "no document had them";
    for (const std::string& path : raw) {
        const auto below = seen.lower_bound(path + "/");
        EXPECT_TRUE(below == seen.end() || !below->starts_with(path + "/"))
            << *below << " is described, and the type keeps it as text";
    }
}

TEST(Conformance, ChatRequests) { expect_conformance<chat::request>("CreateChatCompletionRequest"); }
TEST(Conformance, ChatReplies) { expect_conformance<chat::reply>("CreateChatCompletionResponse"); }
TEST(Conformance, ChatChunks) { expect_conformance<chat::chunk>("CreateChatCompletionStreamResponse"); }
TEST(Conformance, ResponsesRequests) { expect_conformance<responses::request>("CreateResponse"); }
TEST(Conformance, ResponsesReplies) { expect_conformance<responses::reply>("Response"); }
TEST(Conformance, ResponsesEvents) { expect_conformance<responses::event>("ResponseStreamEvent"); }
TEST(Conformance, ResponsesItemsAndTools) {
    expect_conformance<responses::item>("InputItem");
    expect_conformance<responses::item>("OutputItem");
    expect_conformance<responses::tool>("Tool");
    expect_conformance<responses::tool_choice>("ToolChoiceParam");
    expect_conformance<responses::item_list>("ResponseItemList");
}
TEST(Conformance, TextCompletions) {
    expect_conformance<text_completions::request>("CreateCompletionRequest");
    expect_conformance<text_completions::reply>("CreateCompletionResponse");
}
TEST(Conformance, Uploads) {
    expect_conformance<uploads::request>("CreateUploadRequest");
    expect_conformance<uploads::upload>("Upload");
    expect_conformance<uploads::part>("UploadPart");
    expect_conformance<uploads::completion>("CompleteUploadRequest");
}
TEST(Conformance, FineTuning) {
    expect_conformance<fine_tuning::request>("CreateFineTuningJobRequest");
    expect_conformance<fine_tuning::job>("FineTuningJob");
    expect_conformance<fine_tuning::job_list>("ListPaginatedFineTuningJobsResponse");
    expect_conformance<fine_tuning::event_list>("ListFineTuningJobEventsResponse");
    expect_conformance<fine_tuning::checkpoint_list>("ListFineTuningJobCheckpointsResponse");
}
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
    expect_conformance<images::edit_request>("CreateImageEditRequest", {"image", "mask"});
    expect_conformance<images::event>("ImageEditStreamEvent");
    expect_conformance<images::variation_request>("CreateImageVariationRequest", {"image"});
}
TEST(Conformance, Audio) {
    expect_conformance<audio::speech_request>("CreateSpeechRequest");
    expect_conformance<audio::transcription_request>("CreateTranscriptionRequest", {"file"});
    expect_conformance<audio::translation_request>("CreateTranslationRequest", {"file"});
    expect_conformance<audio::speech_event>("CreateSpeechResponseStreamEvent");
    expect_conformance<audio::transcription_event>("CreateTranscriptionResponseStreamEvent");
    expect_conformance<audio::transcription>("CreateTranscriptionResponseJson");
    expect_conformance<audio::transcription>("CreateTranscriptionResponseVerboseJson");
    expect_conformance<audio::transcription>("CreateTranscriptionResponseDiarizedJson");
    expect_conformance<audio::transcription>("CreateTranslationResponseJson");
    expect_conformance<audio::transcription>("CreateTranslationResponseVerboseJson");
}
TEST(Conformance, ModelsFilesAndBatches) {
    expect_conformance<models::list>("ListModelsResponse");
    expect_conformance<models::model>("Model");
    expect_conformance<deletion>("DeleteModelResponse");
    expect_conformance<files::request>("CreateFileRequest", {"file"});
    expect_conformance<files::file>("OpenAIFile");
    expect_conformance<deletion>("DeleteFileResponse");
    expect_conformance<files::list>("ListFilesResponse");
    expect_conformance<batches::request>("CreateBatchRequest");
    expect_conformance<batches::batch>("Batch");
    expect_conformance<batches::list>("ListBatchesResponse");
}

} // namespace
} // namespace modelmesh
