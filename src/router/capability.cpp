#include <modelmesh/router/capability.hpp>

#include <algorithm>
#include <array>
#include <numeric>

namespace modelmesh::capability {
namespace {

constexpr auto shipped_nodes = std::to_array<shipped_node>({
    {"generation", "new content"},
    {"generation.text-generation", "text"},
    {"generation.text-generation.chat-completion", "the next message of a conversation"},
    {"generation.text-generation.text-completion", "the text that goes on from a beginning"},
    {"generation.text-generation.code-generation", "source code"},
    {"generation.structured-generation", "data in a given form"},
    {"generation.structured-generation.json-generation", "any JSON document"},
    {"generation.structured-generation.schema-constrained-output", "JSON that follows a schema"},
    {"generation.structured-generation.function-call-generation", "calls of functions, with their arguments"},
    {"generation.image-generation", "images"},
    {"generation.image-generation.text-to-image", "an image from its description"},
    {"generation.image-generation.image-to-image", "an image made from another"},
    {"generation.image-generation.inpainting", "the missing part of an image"},
    {"generation.audio-generation", "sound"},
    {"generation.audio-generation.text-to-speech", "a text, spoken"},
    {"generation.audio-generation.music-generation", "music"},
    {"generation.video-generation", "video"},
    {"generation.video-generation.text-to-video", "a video from its description"},
    {"generation.video-generation.image-to-video", "a video that begins with an image"},
    {"understanding", "what is in given content"},
    {"understanding.text-understanding", "what a text says"},
    {"understanding.text-understanding.summarization", "a shorter text that says the same"},
    {"understanding.text-understanding.classification", "which of some classes a text is in"},
    {"understanding.text-understanding.sentiment-analysis", "the mood of a text"},
    {"understanding.text-understanding.entity-extraction", "the names, dates and amounts in a text"},
    {"understanding.vision-understanding", "what an image shows"},
    {"understanding.vision-understanding.image-captioning", "an image in words"},
    {"understanding.vision-understanding.object-detection", "the things in an image and where they are"},
    {"understanding.vision-understanding.ocr", "the text in an image"},
    {"understanding.audio-understanding", "what a recording holds"},
    {"understanding.audio-understanding.speech-to-text", "what was said"},
    {"understanding.audio-understanding.speaker-identification", "who speaks"},
    {"understanding.audio-understanding.audio-classification", "what kind of sound it is"},
    {"understanding.document-understanding", "what a document holds"},
    {"understanding.document-understanding.document-parsing", "its structure and text"},
    {"understanding.document-understanding.table-extraction", "its tables"},
    {"understanding.document-understanding.form-extraction", "the fields of a form"},
    {"understanding.document-understanding.content-extraction",
     "the text of a page without what surrounds it"},
    {"transformation", "the same content in another form"},
    {"transformation.translation", "a text in another language"},
    {"transformation.rewriting", "a text in other words"},
    {"transformation.style-transfer", "content in another style"},
    {"transformation.image-editing", "a changed image"},
    {"transformation.image-editing.background-removal", "an image without its background"},
    {"transformation.image-editing.upscaling", "a larger image"},
    {"transformation.image-editing.format-conversion", "an image in another format"},
    {"transformation.audio-processing", "changed sound"},
    {"transformation.audio-processing.noise-reduction", "a recording without its noise"},
    {"transformation.audio-processing.voice-cloning", "speech in somebody's voice"},
    {"transformation.audio-processing.audio-separation", "the voices and instruments of a recording, apart"},
    {"representation", "data that stand for content"},
    {"representation.tokenization", "the tokens of a text"},
    {"representation.feature-extraction", "the features of any content"},
    {"representation.embeddings", "vectors that are near where meanings are"},
    {"representation.embeddings.text-embeddings", "vectors of texts"},
    {"representation.embeddings.image-embeddings", "vectors of images"},
    {"representation.embeddings.multimodal-embeddings", "vectors of texts and images in one space"},
    {"retrieval", "what was found"},
    {"retrieval.reranking", "documents in the order of their relevance"},
    {"retrieval.search", "results of a search"},
    {"retrieval.search.semantic-search", "passages by their meaning"},
    {"retrieval.search.web-search", "pages of the web"},
    {"retrieval.search.image-search", "images"},
    {"retrieval.search.code-search", "source code"},
    {"retrieval.knowledge-graph", "facts of a graph"},
    {"retrieval.knowledge-graph.graph-query", "answers from a graph"},
    {"retrieval.knowledge-graph.entity-linking", "the nodes of a graph that a text names"},
    {"retrieval.knowledge-graph.relation-extraction", "the relations that a text states"},
    {"retrieval.rag", "answers from sources"},
    {"retrieval.rag.retrieval-augmented-generation", "an answer from documents that were looked up"},
    {"retrieval.rag.grounded-generation", "an answer that names its sources"},
    {"interaction", "steps towards a goal"},
    {"interaction.tool-calling", "which tool to call, and with what"},
    {"interaction.multi-turn-conversation", "a conversation that remembers"},
    {"interaction.agent-execution", "a task, carried out"},
    {"interaction.agent-execution.single-step-agent", "in one step"},
    {"interaction.agent-execution.multi-step-agent", "in as many steps as it takes"},
    {"evaluation", "a judgement"},
    {"evaluation.content-moderation", "whether content is harmful, and how"},
    {"evaluation.toxicity-detection", "how toxic a text is"},
    {"evaluation.factuality-checking", "whether a statement is true"},
    {"evaluation.quality-scoring", "how good an answer is"},
});

bool well_formed(std::string_view path) noexcept {
    if (path.empty() || path.front() == '.' || path.back() == '.') return false;
    char before = '.';
    for (const char c : path) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        if (!letter && (c != '.' || before == '.')) return false;
        before = c;
    }
    return true;
}

// The path of the shipped node with this bare name, or empty. All node names are distinct.
constexpr std::string_view node_path(std::string_view name) noexcept {
    for (const shipped_node& node : shipped_nodes)
        if (last_segment(node.path) == name) return node.path;
    return {};
}

// Sorted by name.
constexpr auto alias_table = std::to_array<alias>({
    {"chat", node_path("chat-completion")},
    {"completion", node_path("text-completion")},
    {"embedding", node_path("text-embeddings")},
    {"image", node_path("text-to-image")},
    {"image-to-text", node_path("image-captioning")},
    {"moderation", node_path("content-moderation")},
    {"rerank", node_path("reranking")},
    {"stt", node_path("speech-to-text")},
    {"tools", node_path("tool-calling")},
    {"transcription", node_path("speech-to-text")},
    {"tts", node_path("text-to-speech")},
    {"vision", node_path("vision-understanding")},
    {"web", node_path("web-search")},
});

std::size_t edit_distance(std::string_view a, std::string_view b) { // Levenshtein, one row
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i + 1;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({row[j] + 1, row[j + 1] + 1, replaced});
        }
    }
    return row.back();
}

} // namespace

std::span<const shipped_node> shipped() noexcept { return shipped_nodes; }

std::span<const alias> aliases() noexcept { return alias_table; }

bool within(std::string_view path, std::string_view ancestor) noexcept {
    return path.starts_with(ancestor) && (path.size() == ancestor.size() || path[ancestor.size()] == '.');
}

result<std::string> canonical(std::string_view name) {
    if (!well_formed(name)) {
        std::vector<std::string_view> known;
        for (const alias& entry : alias_table) known.push_back(entry.name);
        for (const shipped_node& node : shipped_nodes) known.push_back(last_segment(node.path));
        std::string text = "capability '" + std::string(name.substr(0, 100)) +
                           "' is not made of lower-case segments [a-z0-9-] joined by dots";
        if (const auto near = nearest(name, known, 1); !near.empty())
            text += "; did you mean '" + near[0] + "'?";
        return fault(errc::config, std::move(text));
    }
    if (name.find('.') == std::string_view::npos) {
        for (const alias& entry : alias_table)
            if (entry.name == name) return std::string(entry.path);
        const std::string_view path = node_path(name);
        return std::string(path.empty() ? name : path);
    }
    // Paths of ours that name the node right and a group on the way wrong (`generation.audio.text-to-speech`,
    // `representation.audio.speech-to-text`): the last segment decides, because it is unique in the tree.
    if (node_path(name.substr(0, name.find('.'))).empty()) return std::string(name);
    // An alias may be the last segment, too (`representation.image.image-to-text`).
    for (const alias& entry : alias_table)
        if (entry.name == last_segment(name)) return std::string(entry.path);
    const std::string_view path = node_path(last_segment(name));
    return std::string(path.empty() ? name : path);
}

std::vector<std::string> nearest(std::string_view name, std::span<const std::string_view> known,
                                 std::size_t most) {
    std::vector<std::pair<std::size_t, std::string_view>> ranked;
    const std::size_t allowed = std::max<std::size_t>(2, name.size() / 3);
    for (const std::string_view candidate : known) {
        // Longer names cannot be near; skipping them bounds the work on hostile input.
        if (candidate.size() > name.size() + allowed || name.size() > candidate.size() + allowed) continue;
        if (const std::size_t distance = edit_distance(name, candidate); distance <= allowed)
            ranked.emplace_back(distance, candidate);
    }
    std::sort(ranked.begin(), ranked.end());
    std::vector<std::string> names;
    for (const auto& [distance, candidate] : ranked)
        if (names.size() < most && std::find(names.begin(), names.end(), candidate) == names.end())
            names.emplace_back(candidate);
    return names;
}

} // namespace modelmesh::capability
