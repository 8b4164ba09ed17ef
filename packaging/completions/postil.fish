# fish completion for postil; the program itself knows its commands and options.
complete -c postil -a '(postil --complete (commandline -opc | tail -n +2) (commandline -ct) 2>/dev/null)'
