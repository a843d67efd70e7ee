/* What the programs that inspect files share. */
#ifndef READ_FILE_H
#define READ_FILE_H

#include <stdio.h>
#include <stdlib.h>

static void die(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

/* The text of a file, which is never freed. */
static char *read_file(const char *path)
{
    size_t room = 1 << 16, length;
    char *text = malloc(room);
    FILE *file = fopen(path, "rb");

    if (file == NULL || text == NULL)
        die("cannot read a file");
    length = fread(text, 1, room - 1, file);
    if (ferror(file) || length == room - 1 || fclose(file) != 0)
        die("cannot read a file");
    text[length] = '\0';
    return text;
}

#endif
