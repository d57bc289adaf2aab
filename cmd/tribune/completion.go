package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"tribune"
)

func shells() []string { return []string{"bash", "zsh", "fish"} }

// runCompletion prints what a shell needs to complete commands, flags and the names of drills and benchmarks.
func runCompletion(ctx context.Context, args []string, out, log io.Writer) error {
	f := flags("completion", log)
	if err := parse(f, args); err != nil {
		return err
	}
	print := map[string]func(io.Writer) error{"bash": completeBash, "zsh": completeZsh, "fish": completeFish}[f.Arg(0)]
	if f.NArg() != 1 || print == nil {
		return tribune.Hint(fmt.Errorf("%w: name one shell: bash, zsh or fish", errUsage), "source <(tribune completion bash)")
	}
	return print(out)
}

// completeBash: the second word is a command; after it come its flags, its operands' names, or files.
func completeBash(out io.Writer) error {
	var cases strings.Builder
	for _, c := range shown() {
		fmt.Fprintf(&cases, "    %s) flags=%s; words=%s ;;\n", c.name, single(strings.Join(flagNames(c), " ")), single(strings.Join(operandNames(c), " ")))
	}
	_, err := fmt.Fprintf(out, `# bash completion of tribune; source <(tribune completion bash)
_tribune() {
  local word=${COMP_WORDS[COMP_CWORD]} flags="" words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W %s -- "$word"))
    return
  fi
  case ${COMP_WORDS[1]} in
%s    *) return ;;
  esac
  case $word in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$word")) ;;
    *) if [ -n "$words" ]; then COMPREPLY=($(compgen -W "$words" -- "$word")); else COMPREPLY=($(compgen -f -- "$word")); fi ;;
  esac
}
complete -o filenames -F _tribune tribune
`, single(strings.Join(commandNames(), " ")), cases.String())
	return err
}

func completeZsh(out io.Writer) error {
	var list, cases strings.Builder
	for _, c := range shown() {
		fmt.Fprintf(&list, "    %s\n", single(c.name+":"+zshWord(c.line)))
		fmt.Fprintf(&cases, "    %s)\n      _arguments", c.name)
		for _, o := range describe(c) {
			spec := "--" + o.name
			if o.value != "" {
				spec += "="
			}
			spec += "[" + zshWord(o.usage) + "]"
			if o.value != "" {
				spec += ":" + zshWord(o.value) + ":_files"
			}
			fmt.Fprintf(&cases, " \\\n        %s", single(spec))
		}
		action := "_files"
		if words := operandNames(c); len(words) > 0 {
			action = "(" + strings.Join(words, " ") + ")"
		}
		fmt.Fprintf(&cases, " \\\n        %s\n      ;;\n", single("*:"+zshWord(max(c.operands, "file"))+":"+action))
	}
	_, err := fmt.Fprintf(out, `#compdef tribune
# zsh completion of tribune; put it as _tribune into a folder of $fpath
_tribune() {
  local -a commands
  commands=(
%s  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=${words[2]}
  shift words
  (( CURRENT-- ))
  case $command in
%s  esac
}
_tribune "$@"
`, list.String(), cases.String())
	return err
}

func completeFish(out io.Writer) error {
	var b strings.Builder
	b.WriteString("# fish completion of tribune; tribune completion fish > ~/.config/fish/completions/tribune.fish\n")
	b.WriteString("complete -c tribune -n __fish_use_subcommand -f\n")
	for _, c := range shown() {
		fmt.Fprintf(&b, "complete -c tribune -n __fish_use_subcommand -a %s -d %s\n", c.name, single(c.line))
		under := single("__fish_seen_subcommand_from " + c.name)
		for _, o := range describe(c) {
			fmt.Fprintf(&b, "complete -c tribune -n %s -l %s -d %s", under, o.name, single(o.usage))
			if o.value != "" {
				b.WriteString(" -r")
			}
			b.WriteString("\n")
		}
		if words := operandNames(c); len(words) > 0 {
			fmt.Fprintf(&b, "complete -c tribune -n %s -f -a %s\n", under, single(strings.Join(words, " ")))
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func commandNames() (names []string) {
	for _, c := range shown() {
		names = append(names, c.name)
	}
	return append(names, "help")
}

func flagNames(c command) (names []string) {
	for _, o := range describe(c) {
		names = append(names, "--"+o.name)
	}
	return names
}

func operandNames(c command) []string {
	if c.words == nil {
		return nil
	}
	return c.words()
}

// single is s as one word of a shell, in single quotes.
func single(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// zshWord is s inside of a specification of _arguments or _describe.
func zshWord(s string) string {
	return strings.NewReplacer(`\`, `\\`, ":", `\:`, "[", `\[`, "]", `\]`).Replace(s)
}
