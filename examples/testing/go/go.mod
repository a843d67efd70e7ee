module example.org/uploader

go 1.19
