package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"html"
	"io"
	"strings"
	"testing"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	goldhtml "github.com/yuin/goldmark/renderer/html"
	"pgregory.net/rapid"

	"gitlab.com/f5-pwe/kog/v3/job"
)

// rendered is Markdown as a page shows it: its elements, and their text.
func rendered(tb interface{ Fatalf(string, ...any) }, text string) (elements []string, shown string) {
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(goldhtml.WithUnsafe(), goldhtml.WithXHTML()))
	var page bytes.Buffer
	if err := md.Convert([]byte(text), &page); err != nil {
		tb.Fatalf("%v", err)
	}
	dec := xml.NewDecoder(strings.NewReader("<r>" + strings.ReplaceAll(page.String(), "<details open>", "<details>") + "</r>"))
	dec.Entity = xml.HTMLEntity
	var b strings.Builder
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return elements, b.String()
		}
		if err != nil {
			tb.Fatalf("%v\n%s\n%s", err, text, &page)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			elements = append(elements, tok.Name.Local)
		case xml.CharData:
			b.Write(tok)
		}
	}
}

// nasty are pieces of text that mean something to Markdown, HTML or XML.
var nasty = []string{
	"|", "`", "```", "~~~", "*", "_", "**", "<b>", "</details>", "<script>", "<!--", "-->", "&amp;", "&#60;", "]]>", "[a](b)", "![a](b)",
	"\\", "\\|", "#", "# x", "- ", "> ", "1. ", "@someone", "https://example.com", "www.example.com", "a@b.cd", ":smile:", "\n", "\n\n", "\r", "\t",
	"\x00", "\x1b[31m", "\x1b]0;t\x07", "\xff", "\u202e", "\ufffe", "é", "😀", "word", " ", "KOG:{}", "'", "\"", "{{.}}",
}

func nastyText() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(nasty), 0, 12).Draw(t, "pieces"), "")
	})
}

// Whatever a job and its containers write, the reports have the same elements
// as for harmless text, and show the text.
func TestTextIsOnlyText(t *testing.T) {
	harmless, _ := rendered(t, oneVisit(t, "x", "x").report("markdown"))
	tags := tagsOf(oneVisit(t, "x", "x").report("html"))
	rapid.Check(t, func(rt *rapid.T) {
		name := "n" + nastyText().Draw(rt, "name") + "n"
		output := "o" + nastyText().Draw(rt, "output") + "o"
		w := oneVisit(t, name, output)
		elements, shown := rendered(rt, w.report("markdown"))
		if got, want := strings.Join(elements, " "), strings.Join(harmless, " "); got != want {
			rt.Fatalf("elements %s\nwant %s\nof %s", got, want, w.report("markdown"))
		}
		want := shownAs(output)
		if !strings.Contains(shown, want) {
			rt.Fatalf("%q is not shown in\n%s", want, shown)
		}
		page := w.report("html")
		if got := tagsOf(page); got != tags {
			rt.Fatalf("tags %s\nwant %s", got, tags)
		}
		if !strings.Contains(html.UnescapeString(page), want) {
			rt.Fatalf("%q is not shown in\n%s", want, page)
		}
		if c := parseJUnit(t, w.report("junit")).Cases[0]; !strings.HasPrefix(c.Out, want) || c.Err != want {
			rt.Fatalf("stdout %q, stderr %q, want %q", c.Out, c.Err, want)
		}
	})
}

// oneVisit is a run with the same text in every place for text.
func oneVisit(tb testing.TB, name, output string) *world {
	w := newWorld(tb, name)
	w.visit(visit{
		step: name, outcome: job.Failure, message: name, warnings: []string{name}, stdout: output, stderr: output,
		values: &job.Values{"build": name},
	})
	w.end()
	return w
}

// shownAs is the text of nasty pieces, made harmless one by one.
func shownAs(s string) string {
	return strings.NewReplacer(
		"\x1b[31m", "", "\x1b]0;t\x07", "", "\x00", "␀", "\xff", "�", "\u202e", "�", "\ufffe", "�", "\r\n", "\n", "\r", "\n",
	).Replace(s)
}

// tagsOf lists the tags of a page below its head.
func tagsOf(page string) string {
	_, body, _ := strings.Cut(page, "<body>")
	var tags []string
	for _, part := range strings.Split(body, "<")[1:] {
		tag, _, _ := strings.Cut(part, ">")
		name, _, _ := strings.Cut(tag, " ")
		tags = append(tags, name)
	}
	return strings.Join(tags, " ")
}

func FuzzReports(f *testing.F) {
	for _, s := range nasty {
		f.Add(s, s)
	}
	harmless, _ := rendered(f, oneVisit(f, "x", "x").report("markdown"))
	f.Fuzz(func(t *testing.T, name, output string) {
		w := oneVisit(t, "n"+name+"n", "o"+output+"o")
		elements, _ := rendered(t, w.report("markdown"))
		if got, want := strings.Join(elements, " "), strings.Join(harmless, " "); got != want {
			t.Errorf("elements %s\nwant %s", got, want)
		}
		if got, want := tagsOf(w.report("html")), tagsOf(oneVisit(t, "x", "x").report("html")); got != want {
			t.Errorf("tags %s\nwant %s", got, want)
		}
		parseJUnit(t, w.report("junit"))
	})
}
