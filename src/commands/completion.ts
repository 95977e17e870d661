/** `tidemark completion`: a shell's script, and what it asks at each Tab. */
import type { Completion, CompletionConfig, Shell } from "../config/completion.ts";
import { byName } from "../core/sensor-name.ts";
import type { Console } from "./console.ts";
import { knownSensors, nameOf } from "./known-sensors.ts";

/** Who waits for a Tab does not wait longer: names are left out then. */
const NAMES_MS_MAX = 500;

/** Asks for the words at the end of the line: each line is one and, behind a tab, what it is; `:directories` has the shell list its own. */
const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `_tidemark() {
  local word about
  COMPREPLY=()
  while IFS=$'\\t' read -r word about; do
    if [[ $word == :directories ]]; then
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -d -- "\${COMP_WORDS[COMP_CWORD]}")
    elif [[ $word == "\${COMP_WORDS[COMP_CWORD]}"* ]]; then
      COMPREPLY+=("$word")
    fi
  done < <("\${COMP_WORDS[0]/#\\~/$HOME}" completion words -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _tidemark tidemark`,
  zsh: `#compdef tidemark
_tidemark() {
  local -a lines described
  local line
  lines=("\${(@f)$(\${~words[1]} completion words -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ $lines[1] == :directories ]]; then
    _files -/
    return
  fi
  for line in $lines; do
    described+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe -V tidemark described
}
if [[ $funcstack[1] == _tidemark ]]; then _tidemark; else compdef _tidemark tidemark; fi`,
  fish: `function __tidemark_words
  set -l words (commandline -opc) (commandline -ct)
  set -l lines ($words[1] completion words -- $words[2..-1] 2>/dev/null)
  if test "$lines[1]" = :directories
    __fish_complete_directories (commandline -ct)
  else
    printf '%s\\n' $lines
  end
end
complete -c tidemark -f -k -a '(__tidemark_words)'`,
};

/** Prints the script, or the words. Where no server answers there are no names, and no error: it would stand in the middle of the line. */
export async function completion(config: CompletionConfig, { out }: Console): Promise<void> {
  if ("shell" in config) out(SCRIPTS[config.shell]);
  else for (const line of await linesOf(config.completion)) out(line);
}

async function linesOf({ candidates, sensors, directories, before, client }: Completion): Promise<string[]> {
  if (directories) return [":directories"];
  const names = sensors ? await knownSensors(client, { msMax: NAMES_MS_MAX }).catch(() => []) : [];
  const named = names.map((sensor) => nameOf(sensor)).sort(byName);
  return [
    ...named.map((name) => `${before}${name}\tsensor`),
    ...candidates.map(({ text, about }) => `${before}${text}\t${about}`),
  ];
}
