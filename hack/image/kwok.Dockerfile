# The KWOK controller: one static binary.
FROM scratch
COPY kwok /usr/local/bin/kwok
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/kwok"]
